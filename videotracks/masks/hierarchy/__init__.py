"""Which fine object lies inside which coarser one."""
