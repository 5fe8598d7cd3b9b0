/* palette.h - how the styles of screen.h look. Nothing is said by colour alone: every style has a word or mark beside it. */
#ifndef WINDOW_PALETTE_H
#define WINDOW_PALETTE_H

#include <stdbool.h>

#include "screen.h"

enum palette {
    PALETTE_AUTO, /* dark or light, as COLORFGBG says; dark without */
    PALETTE_DARK,
    PALETTE_LIGHT,
    PALETTE_16,   /* the terminal's own sixteen colours */
    PALETTE_NONE, /* bold and reverse alone */
    PALETTES
};

/* -1: the terminal's own. */
struct palette_row {
    short fg, bg;
    bool bold, reverse, underline;
};

/* By name, "auto", "dark", "light", "ansi", "none"; PALETTES: there is no such palette. */
enum palette palette_find(const char *name);

/* What is left of a palette on a terminal with so many colours: AUTO is resolved, 256 colours become 16, or none. */
enum palette palette_fit(enum palette palette, int colours, const char *colorfgbg);

const struct palette_row *palette_row(enum palette palette, enum style style);

#endif
