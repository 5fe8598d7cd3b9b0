/* home.c - see home.h. */
#include "home.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../file.h"

int home_find(struct home *h, const char *dir, struct why *why)
{
    const char *data = getenv("XDG_DATA_HOME"), *base = getenv("HOME");
    int n;
    if (dir)
        n = snprintf(h->root, sizeof h->root, "%s", dir);
    else if (data && data[0] == '/')
        n = snprintf(h->root, sizeof h->root, "%s/csmsg", data);
    else if (base && base[0] == '/')
        n = snprintf(h->root, sizeof h->root, "%s/.local/share/csmsg", base);
    else {
        why_set(why, "cannot tell where your home is: HOME is not set");
        why_hint(why, "use --home DIR");
        return -1;
    }
    if (n <= 0 || n >= (int)sizeof h->root) {
        why_set(why, "the path of the home is empty or too long");
        return -1;
    }
    snprintf(h->known_servers, sizeof h->known_servers, "%s/known_servers", h->root);
    return 0;
}

int home_root(struct home *h, const char *dir, struct why *why)
{
    return home_find(h, dir, why) < 0 ? -1 : file_make_folder(h->root, why);
}

/* Calls f for every folder in the home that holds file; name is the folder's. */
static void each(const struct home *h, const char *file,
                 void (*f)(void *arg, const char *name, const char *path), void *arg)
{
    DIR *dir = opendir(h->root);
    struct dirent *e;
    char path[PATH_MAX];
    while (dir && (e = readdir(dir))) {
        if (!name_valid(e->d_name, strlen(e->d_name), NULL)) continue;
        int n = snprintf(path, sizeof path, "%s/%s/%s", h->root, e->d_name, file);
        if (n < (int)sizeof path && access(path, F_OK) == 0) f(arg, e->d_name, path);
    }
    if (dir) closedir(dir);
}

struct only {
    struct home *h;
    int n;
};

static void count_user(void *arg, const char *name, const char *path)
{
    struct only *o = arg;
    (void)path;
    o->n++;
    snprintf(o->h->user, sizeof o->h->user, "%s", name);
}

int home_users(struct home *h)
{
    struct only o = {h, 0};
    each(h, "key", count_user, &o);
    return o.n;
}

int home_folder(struct home *h, const char *name)
{
    char folded[NAME_SIZE];
    h->folder[0] = '\0';
    if (!name_valid(name, strlen(name), NULL)) return -1;
    name_fold(folded, name, strlen(name));
    snprintf(h->user, sizeof h->user, "%s", name);
    snprintf(h->folder, sizeof h->folder, "%s/%s", h->root, folded);
    return 0;
}

int home_user(struct home *h, const char *name, struct why *why)
{
    const char *wrong;
    if (home_folder(h, name) < 0) {
        name_valid(name, strlen(name), &wrong);
        why_set(why, "not a name: it %s", wrong);
        why_hint(why, "1 to 32 letters, digits, _ . -, first a letter or digit");
        return -1;
    }
    return file_make_folder(h->folder, why);
}

const char *home_file(const struct home *h, const char *file, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", h->folder, file);
    return out;
}

void home_forget_user(const struct home *h)
{
    static const char *const files[] = {"key",          "store.db", "store.db-wal",
                                        "store.db-shm", "store.db.lock", "shown", "history"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(home_file(h, files[i], path));
    rmdir(home_file(h, "transfers", path));
    rmdir(h->folder);
}

struct stores {
    void (*f)(void *arg, const char *path);
    void *arg;
};

static void one_store(void *arg, const char *name, const char *path)
{
    const struct stores *s = arg;
    (void)name;
    s->f(s->arg, path);
}

void home_each_store(const struct home *h, void (*f)(void *arg, const char *path), void *arg)
{
    struct stores s = {f, arg};
    each(h, "store.db", one_store, &s);
}
