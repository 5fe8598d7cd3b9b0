/* panes.h - what stands beside and below the timeline; for scene.c alone. */
#ifndef WINDOW_PANES_H
#define WINDOW_PANES_H

#include "scene.h"

void panes_rooms(const struct scene *sc, struct screen *s, struct area a);
void panes_members(const struct scene *sc, struct screen *s, struct area a);

/* Files on their way: at the bottom of an area, which gives that many rows; or lines of their own, so many. */
unsigned panes_moves(const struct scene *sc, struct screen *s, struct area a);
unsigned moves_lines(const struct scene *sc, unsigned cols);
void moves_paint(const struct scene *sc, struct screen *s, struct area a);

/* The heading of a pane, and the key that shows it. */
void panes_head(struct screen *s, struct area a, unsigned row, const char *left, const char *right);

/* Over the timeline. */
void panes_list(const struct scene_list *list, struct screen *s, struct area a);

/* Lines of the input in a terminal of so many columns. */
unsigned input_lines(const struct scene *sc, unsigned cols);
/* The part of them around the cursor, and the cursor. */
void input_paint(const struct scene *sc, struct screen *s, struct area a);

#endif
