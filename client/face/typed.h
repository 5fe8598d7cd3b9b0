/* typed.h - the lines that were typed, by readline's history: kept in the home between runs. */
#ifndef FACE_TYPED_H
#define FACE_TYPED_H

#include "errand.h"

/* Reads them, and writes them back; a locked store keeps none on disk. */
void typed_open(const struct errand *s);
void typed_close(const struct errand *s);
/* A line; blank ones are left out. */
void typed_add(const char *line);

#endif
