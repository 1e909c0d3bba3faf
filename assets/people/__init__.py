"""The people branch: from a video to a person report. The modules follow the data, step by step."""
