"""The report: tables and one HTML page out of any number of run folders."""
