/*
 * name.h - the names of people and rooms: what is allowed, what looks alike, what was meant.
 *
 * A name of a person is 1 to 32 ASCII letters, digits, '_', '.', '-', and begins with a letter or
 * digit, so it is never an option, a path ("..") or a hidden file. A room is '#' and such a name.
 * Names are unique without case (name_fold) and without look-alikes (name_skeleton): the broker
 * keeps both beside the name and refuses a second one that gives the same.
 *
 * Nothing here allocates, and nothing depends on the locale. Lengths are bytes; inputs need no
 * terminator, outputs have one.
 */
#ifndef NAME_H
#define NAME_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_LEN           32                 /* longest name of a person, in bytes */
#define NAME_SIZE          (NAME_LEN + 2)     /* holds the longest room name and its terminator */
#define NAME_SKELETON_SIZE (2 * NAME_LEN + 2) /* holds the longest skeleton and its terminator */
#define NAME_SUGGEST       3

/*
 * True when s is a well-formed name of a person or a room. Else *why (may be NULL) says what is
 * wrong, as words that follow the name: "must begin with a letter or digit". Reserved names
 * are well-formed: see name_reserved().
 */
bool name_valid(const char *s, size_t len, const char **why);
bool name_valid_room(const char *s, size_t len, const char **why);

/* Lower case, for comparing and as a key. Bytes beyond the longest room name are left out. */
void name_fold(char out[NAME_SIZE], const char *s, size_t len);

/*
 * The form in which look-alikes are equal: lower case; 0 as o; 1, i and | as l; 5 as s; m as rn
 * and w as vv; '_', '.' and '-' left out, between two digits '.'; everything else as it is. It serves comparing alone and
 * is never shown.
 */
void name_skeleton(char out[NAME_SKELETON_SIZE], const char *s, size_t len);

/* True for names that nobody may register, since they would speak for the server or for all. */
bool name_reserved(const char *s, size_t len);

/*
 * How many letters have to be put in, left out, replaced or swapped with their neighbour to make
 * one of the other, without case. Anything beyond limit, or longer than 64 bytes, is limit + 1.
 */
unsigned name_distance(const char *a, size_t alen, const char *b, size_t blen, unsigned limit);

/* How many such mistakes in len bytes may still be a slip of the fingers: 1, 2 or 3. */
unsigned name_slips(size_t len);

/* Collects the names nearest to one that does not exist; best first, ties by alphabet. */
struct name_near {
    char wanted[NAME_SIZE];
    size_t n;
    char name[NAME_SUGGEST][NAME_SIZE];
    unsigned distance[NAME_SUGGEST];
};

/* name_near_start(), then name_near_offer() for every name there is; read n and name[] at will. */
void name_near_start(struct name_near *near, const char *wanted, size_t len);
void name_near_offer(struct name_near *near, const char *name, size_t len);

#endif
