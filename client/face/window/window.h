/* window.h - the full-screen face; see plain.h. */
#ifndef WINDOW_WINDOW_H
#define WINDOW_WINDOW_H

struct window;

/* NULL is fine. */
void window_free(struct window *w);

#endif
