/* palette.c - see palette.h. */
#include "palette.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[PALETTES] = {"auto", "dark", "light", "ansi", "none"};

static const struct palette_row dark[STYLES] = {
    [STYLE_TEXT] = {-1, -1, 0, 0, 0},      [STYLE_DIM] = {245, -1, 0, 0, 0},
    [STYLE_BAR] = {252, 237, 0, 0, 0},     [STYLE_ALERT] = {231, 160, 1, 0, 0},
    [STYLE_ERROR] = {203, -1, 1, 0, 0},    [STYLE_HINT] = {179, -1, 0, 0, 0},
    [STYLE_OWN] = {80, -1, 0, 0, 0},       [STYLE_MENTION] = {221, -1, 1, 0, 0},
    [STYLE_UNREAD] = {255, -1, 1, 0, 0},   [STYLE_HERE] = {231, 239, 1, 0, 0},
    [STYLE_HEAD] = {110, -1, 1, 0, 0},     [STYLE_FOUND] = {16, 221, 0, 0, 0},
    [STYLE_LINK] = {75, -1, 0, 0, 1},      [STYLE_RULE] = {240, -1, 0, 0, 0},
    [STYLE_NEW] = {203, -1, 0, 0, 0},      [STYLE_NICK] = {114, -1, 0, 0, 0},
    [STYLE_NICK + 1] = {180, -1, 0, 0, 0}, [STYLE_NICK + 2] = {111, -1, 0, 0, 0},
    [STYLE_NICK + 3] = {176, -1, 0, 0, 0}, [STYLE_NICK + 4] = {151, -1, 0, 0, 0},
    [STYLE_NICK + 5] = {216, -1, 0, 0, 0},
};

static const struct palette_row light[STYLES] = {
    [STYLE_TEXT] = {-1, -1, 0, 0, 0},      [STYLE_DIM] = {242, -1, 0, 0, 0},
    [STYLE_BAR] = {235, 253, 0, 0, 0},     [STYLE_ALERT] = {231, 160, 1, 0, 0},
    [STYLE_ERROR] = {160, -1, 1, 0, 0},    [STYLE_HINT] = {94, -1, 0, 0, 0},
    [STYLE_OWN] = {30, -1, 0, 0, 0},       [STYLE_MENTION] = {130, -1, 1, 0, 0},
    [STYLE_UNREAD] = {16, -1, 1, 0, 0},    [STYLE_HERE] = {16, 252, 1, 0, 0},
    [STYLE_HEAD] = {25, -1, 1, 0, 0},      [STYLE_FOUND] = {16, 221, 0, 0, 0},
    [STYLE_LINK] = {26, -1, 0, 0, 1},      [STYLE_RULE] = {250, -1, 0, 0, 0},
    [STYLE_NEW] = {160, -1, 0, 0, 0},      [STYLE_NICK] = {28, -1, 0, 0, 0},
    [STYLE_NICK + 1] = {94, -1, 0, 0, 0},  [STYLE_NICK + 2] = {26, -1, 0, 0, 0},
    [STYLE_NICK + 3] = {90, -1, 0, 0, 0},  [STYLE_NICK + 4] = {23, -1, 0, 0, 0},
    [STYLE_NICK + 5] = {124, -1, 0, 0, 0},
};

static const struct palette_row sixteen[STYLES] = {
    [STYLE_TEXT] = {-1, -1, 0, 0, 0},    [STYLE_DIM] = {-1, -1, 0, 0, 0},
    [STYLE_BAR] = {-1, -1, 0, 1, 0},     [STYLE_ALERT] = {7, 1, 1, 0, 0},
    [STYLE_ERROR] = {1, -1, 1, 0, 0},    [STYLE_HINT] = {3, -1, 0, 0, 0},
    [STYLE_OWN] = {6, -1, 0, 0, 0},      [STYLE_MENTION] = {3, -1, 1, 0, 0},
    [STYLE_UNREAD] = {-1, -1, 1, 0, 0},  [STYLE_HERE] = {-1, -1, 1, 1, 0},
    [STYLE_HEAD] = {-1, -1, 1, 0, 0},    [STYLE_FOUND] = {-1, -1, 0, 1, 0},
    [STYLE_LINK] = {4, -1, 0, 0, 1},     [STYLE_RULE] = {-1, -1, 0, 0, 0},
    [STYLE_NEW] = {1, -1, 0, 0, 0},      [STYLE_NICK] = {2, -1, 0, 0, 0},
    [STYLE_NICK + 1] = {3, -1, 0, 0, 0}, [STYLE_NICK + 2] = {4, -1, 0, 0, 0},
    [STYLE_NICK + 3] = {5, -1, 0, 0, 0}, [STYLE_NICK + 4] = {6, -1, 0, 0, 0},
    [STYLE_NICK + 5] = {1, -1, 0, 0, 0},
};

#define PLAIN {-1, -1, 0, 0, 0}
#define BOLD {-1, -1, 1, 0, 0}
static const struct palette_row none[STYLES] = {
    [STYLE_TEXT] = PLAIN,     [STYLE_DIM] = PLAIN,      [STYLE_BAR] = {-1, -1, 0, 1, 0},
    [STYLE_ALERT] = {-1, -1, 1, 1, 0}, [STYLE_ERROR] = BOLD, [STYLE_HINT] = PLAIN,
    [STYLE_OWN] = PLAIN,      [STYLE_MENTION] = BOLD,   [STYLE_UNREAD] = BOLD,
    [STYLE_HERE] = BOLD,      [STYLE_HEAD] = BOLD,      [STYLE_FOUND] = {-1, -1, 0, 1, 0},
    [STYLE_LINK] = {-1, -1, 0, 0, 1}, [STYLE_RULE] = PLAIN, [STYLE_NEW] = BOLD,
    [STYLE_NICK] = PLAIN,     [STYLE_NICK + 1] = PLAIN, [STYLE_NICK + 2] = PLAIN,
    [STYLE_NICK + 3] = PLAIN, [STYLE_NICK + 4] = PLAIN, [STYLE_NICK + 5] = PLAIN,
};

enum palette palette_find(const char *name)
{
    enum palette t = PALETTE_AUTO;
    while (t < PALETTES && strcmp(names[t], name) != 0)
        t++;
    return t;
}

/* "15;0": the last number is the background; 7 and 9 to 15 are light ones. */
static bool is_light(const char *colorfgbg)
{
    const char *last = colorfgbg ? strrchr(colorfgbg, ';') : NULL;
    int bg = last ? atoi(last + 1) : 0;
    return bg == 7 || bg >= 9;
}

enum palette palette_fit(enum palette palette, int colours, const char *colorfgbg)
{
    if (colours < 8) return PALETTE_NONE;
    if (palette == PALETTE_AUTO) palette = is_light(colorfgbg) ? PALETTE_LIGHT : PALETTE_DARK;
    return palette != PALETTE_NONE && colours < 256 ? PALETTE_16 : palette;
}

const struct palette_row *palette_row(enum palette palette, enum style style)
{
    switch (palette) {
    case PALETTE_LIGHT: return &light[style];
    case PALETTE_16: return &sixteen[style];
    case PALETTE_NONE: return &none[style];
    default: return &dark[style];
    }
}
