#!/bin/sh
# Draws a progress bar over and over, 200,000 times, and ends the line.
awk 'BEGIN { for (i = 0; i < 200000; i++) printf "%d of 200000\r", i; printf "all\ndone\n" }'
