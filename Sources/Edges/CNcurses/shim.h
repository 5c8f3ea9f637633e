/* What Swift cannot see of ncurses itself: macros, variadic functions and global variables. */
#ifndef TOCSIN_CNCURSES_H
#define TOCSIN_CNCURSES_H
#define NCURSES_WIDECHAR 1
#define _XOPEN_SOURCE_EXTENDED 1
#include <locale.h>
#include <ncurses.h>
#endif
