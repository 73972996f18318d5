#!/bin/sh
# Writes bytes that are no UTF-8, NUL, control characters, Windows line ends, and no newline at the end.
printf 'caf\351\n'
printf 'nul\000bell\007\n'
printf 'windows\r\n'
printf '\n'
printf 'unfinished'
