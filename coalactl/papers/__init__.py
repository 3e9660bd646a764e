"""The papers whose results are reproduced: a folder for each, in it a file for each exhibit."""
