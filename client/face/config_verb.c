/* config_verb.c - csce513fall24Msg config: the config file for whoever edits it, and for scripts. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "errand.h"
#include "out.h"
#include "report.h"
#include "verbs.h"

static enum face_exit defaults(void)
{
    conf_print_defaults(config_table, config_count, stdout);
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_LOCAL;
}

static void show_json(const struct config *c, const struct conf_key *k, const char *value)
{
    json_t *o = json_object();
    (void)c;
    json_object_set_new(o, "ev", json_string("setting"));
    json_object_set_new(o, "key", json_string(k->key));
    json_object_set_new(o, "value", out_text((struct slice){(const uint8_t *)value, strlen(value)}));
    json_object_set_new(o, "default", json_string(k->def));
    out_json(o);
}

static enum face_exit show(const struct args *o, const struct config *c)
{
    if (!o->json) printf("# %s%s%s\n", c->path, c->profile[0] ? ", profile " : "", c->profile);
    for (size_t i = 0; i < config_count; i++) {
        struct buf value = {0};
        config_value(c, &config_table[i], &value);
        if (o->json)
            show_json(c, &config_table[i], (const char *)buf_head(&value));
        else
            printf("%s =%s%s\n", config_table[i].key, buf_len(&value) > 1 ? " " : "", (const char *)buf_head(&value));
        fflush(stdout);
        buf_free(&value);
    }
    return EXIT_DONE;
}

static enum face_exit set(const struct args *o, struct config *c)
{
    struct why why;
    if (config_set(c, o->operand[2], o->operand[3], &why) < 0) return errand_error(o, "usage", &why);
    if (!o->quiet) out_say("wrote %s", c->path);
    return EXIT_DONE;
}

enum face_exit verb_config(const struct args *o)
{
    struct config c;
    struct why why;
    const char *what = o->operands > 1 ? o->operand[1] : "show";
    if (strcmp(what, "defaults") == 0) return defaults();
    if (config_load(&c, o->config_file, o->profile, &why) < 0) return errand_error(o, "local", &why);
    enum face_exit exit = EXIT_DONE;
    if (strcmp(what, "show") == 0)
        exit = show(o, &c);
    else if (strcmp(what, "set") == 0 && o->operands == 4)
        exit = set(o, &c);
    else if (strcmp(what, "check") == 0) {
        if (!o->quiet) out_say("%s: %s", c.path, access(c.path, F_OK) == 0 ? "no errors" : "there is none; defaults hold");
    } else {
        why_set(&why, "config show, defaults, check, or set KEY VALUE");
        exit = errand_error(o, "usage", &why);
    }
    config_free(&c);
    return exit;
}
