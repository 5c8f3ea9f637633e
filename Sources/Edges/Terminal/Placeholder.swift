// Stands in until the terminal's files are here.
