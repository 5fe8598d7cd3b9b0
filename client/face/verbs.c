/* verbs.c - see verbs.h. */
#include "verbs.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "errand.h"
#include "name.h"
#include "out.h"
#include "report.h"

const struct verb verbs[] = {
    {"init", "init [HOST[:PORT]]", "the first run: get to know the server, take a name, make a key", "init lab.example", verb_init,
     false},
    {"send", "send TO [TEXT|-]",
     "send one message to a user, a '#group' or '#lobby'; - or no text reads stdin",
     "send frank 'see you at nine' --wait delivered", verb_send, false},
    {"tail", "tail", "show messages as they come, each once, also across runs",
     "tail --json --count 10 --timeout 60", verb_tail, false},
    {"read", "read [ROOM|NAME]", "show what was said in a room, or with a person; alone: in #lobby", "read bob -n 20 --json",
     verb_read, false},
    {"search", "search TEXT", "find words in what was said; in quotes: one after the other", "search 'recvmsg loop' --in '#lobby'",
     verb_search, false},
    {"inbox", "inbox", "show what is for you and not seen yet: messages to you alone, mentions", "inbox --json", verb_inbox,
     false},
    {"rooms", "rooms", "list the rooms and people of your history", "rooms --json", verb_rooms, false},
    {"export", "export [ROOM|NAME]", "write all that was said, in plain text; alone: in every room", "export --json > talk.jsonl",
     verb_export, false},
    {"who", "who", "list who is connected", "who --json", verb_who, false},
    {"why", "why [ID]", "what a message of yours waits for; without its number: the newest", "why 12", verb_why, false},
    {"put", "put FILE... TO",
     "send files, folders as one tar file each, to a user or a '#group'; - sends standard input",
     "put report.pdf frank", verb_put, false},
    {"get", "get ID [PATH|-]", "fetch an offered file: to a folder, under another name, or to standard output",
     "get 44 ~/Downloads", verb_get, false},
    {"files", "files", "list the files that were offered, fetched and sent", "files --json", verb_files, false},
    {"decline", "decline ID", "refuse an offered file, or take back one that you have sent", "decline 44", verb_decline,
     false},
    {"group", "group create '#NAME' [open] | group invite '#NAME' USER | group join '#NAME' | group leave '#NAME'"
     " | group kick '#NAME' USER [WHY] | group role '#NAME' USER ROLE | group mute '#NAME' USER SPAN [WHY]"
     " | group topic '#NAME' TEXT | group open '#NAME' | group close '#NAME' | group members '#NAME' | group list",
     "make groups, come and go, say who may what; the name is followed by a user where it is about one",
     "group invite '#chess' bob", verb_group, false},
    {"keys",
     "keys show | keys devices | keys revoke DEVICE | keys paper | keys lock | keys unlock | keys verify NAME | keys accept NAME"
     " | keys replace-server HOST[:PORT]",
     "show own keys and devices; compare or accept those of a person or a server", "keys verify frank", verb_keys, false},
    {"device", "device add | device admit",
     "add: make this machine a device of --user; admit: let a new one in, by the code it shows", "device add --user alice",
     verb_device, false},
    {"class", "class init CLASS | class invite NAME [assistant] | class sign | class list | class join CODE [CLASS]"
     " | class members",
     "one key for a class: who has its code is verified by everybody in it", "class join 4T7QX-...", verb_class, false},
    {"config", "config show | config defaults | config check | config set KEY VALUE",
     "the config file: what holds, all keys with their defaults, is it right, change it", "config set server lab.example",
     verb_config, true},
    {"doctor", "doctor", "check terminal, disk, clock and server, and say what to do", "doctor --json", verb_doctor, true},
    {"completion", "completion bash | completion zsh | completion fish", "print what makes Tab complete in this shell", "completion bash > ~/.csmsg-completion",
     verb_completion, true},
    {"help", "help [COMMAND]", "show help", "help send", verb_help, true},
    {0},
};

/* A host instead of a command opens the conversation there; no command has a dot or a colon in it. */
static bool is_server(const struct args *o)
{
    const char *word = o->operands == 1 ? o->operand[0] : "";
    return strcmp(word, "localhost") == 0 || (strpbrk(word, ".:") && !strpbrk(word, " /"));
}

static const struct verb *find(const char *name)
{
    for (const struct verb *v = verbs; v->name; v++)
        if (strcmp(v->name, name) == 0) return v;
    return NULL;
}

static enum face_exit unknown(const struct args *o, const char *word)
{
    struct why why;
    struct name_near near;
    char safe[40];
    name_near_start(&near, word, strlen(word));
    for (const struct verb *v = verbs; v->name; v++)
        name_near_offer(&near, v->name, strlen(v->name));
    size_t n = 0;
    for (; word[n] && n < sizeof safe - 1; n++)
        safe[n] = word[n] > ' ' && word[n] < 127 ? word[n] : '?';
    safe[n] = '\0';
    why_set(&why, "unknown command \"%s\"", safe);
    if (near.n)
        why_hint(&why, "did you mean \"%s\"?", near.name[0]);
    else
        why_hint(&why, NAME " --help lists the commands; without one you get the conversation");
    if (o->json) out_json(report_error("usage", why.what, why.hint));
    out_why(&why);
    return EXIT_USAGE;
}

/* A usage of several forms is told by its first word alone. */
static void put_short(struct buf *out, const struct verb *v)
{
    char several[24];
    snprintf(several, sizeof several, "%s ...", v->name);
    report_put(out, "  %-22s %s\n", strstr(v->usage, " | ") ? several : v->usage, v->help);
}

static void put_overview(struct buf *out)
{
    report_put(out, "usage: " NAME " [OPTIONS] [HOST]      the conversation, in a terminal\n");
    report_put(out, "       " NAME " [OPTIONS] COMMAND     one thing, for scripts\n\ncommands:\n");
    for (const struct verb *v = verbs; v->name; v++)
        put_short(out, v);
    report_put(out, "\nwith an example each:  " NAME " help COMMAND\n");
    report_put(out, "\noptions, before or after the command:\n");
    args_help(out);
    report_put(out,
               "\nexit status: 0 done, 1 failed, 2 wrong usage, 3 server not reached, 4 refused,\n"
               "  5 no such user or room, 6 key not trusted or wrong passphrase, 7 not in time, 8 local file\n"
               "  trouble, 75 try again later, 130 interrupted\n");
}

enum face_exit verb_help(const struct args *o)
{
    struct buf b = {0};
    const struct verb *v = o->operands > 1 ? find(o->operand[1]) : NULL;
    if (o->operands > 1 && !v) return unknown(o, o->operand[1]);
    if (v)
        report_put(&b, "usage: " NAME " %s\n  %s\nexample:\n  " NAME " %s\n", v->usage, v->help,
                   v->example);
    else
        put_overview(&b);
    b.len--; /* out_line() adds the last newline */
    out_line(STDOUT_FILENO, &b);
    buf_free(&b);
    return EXIT_DONE;
}

static enum face_exit wrong_usage(const struct args *o, const struct why *why)
{
    if (o->json) out_json(report_error("usage", why->what, why->hint));
    out_why(why);
    return EXIT_USAGE;
}

/* Reads the config file and runs the command with what it says. */
static enum face_exit configured(struct args *o, enum face_exit (*run)(const struct args *o))
{
    struct config config;
    struct why why;
    if (config_load(&config, o->config_file, o->profile, &why) < 0) return errand_error(o, "local", &why);
    args_configure(o, &config);
    enum face_exit exit = run(o);
    config_free(&config);
    return exit;
}

int face_main(int argc, char *argv[])
{
    struct args o;
    struct why why;
    if (sodium_init() < 0) {
        out_say("error: the machine gives no random numbers");
        return EXIT_FAILED;
    }
    if (args_parse(argc, argv, &o, &why) < 0) return (int)wrong_usage(&o, &why);
    if (o.version) {
        struct buf b = {0};
        report_put(&b, NAME " " VERSION);
        out_line(STDOUT_FILENO, &b);
        buf_free(&b);
        return EXIT_DONE;
    }
    const struct verb *v = o.operands ? find(o.operand[0]) : NULL;
    if (o.help) {
        const struct args help = {.operands = v ? 2 : 1, .operand = {"help", v ? v->name : NULL}};
        return (int)verb_help(&help);
    }
    if (is_server(&o)) {
        o.server = o.operand[0];
        o.operands = 0;
    }
    if (!o.operands) return (int)configured(&o, verb_chat);
    if (!v) return (int)unknown(&o, o.operand[0]);
    return (int)(v->bare ? v->run(&o) : configured(&o, v->run));
}
