"""How values of assets become files and come back: one manager per kind of file, one folder per video."""
