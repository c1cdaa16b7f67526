"""Reads the files that people upload: what is in them, row by row, and everything that was not used.

Pure and free of the server: bytes in, a described table out. The console, the commands and the client library share it.

    bytes --text--> characters --rows--> rows with their line numbers --columns--> what each means --> values
          --workbook-----------------^
"""
