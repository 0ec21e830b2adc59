"""What a picture is: styles, programs, colour maps. Knows no files and no HTTP."""
