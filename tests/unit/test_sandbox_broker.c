/*
 * test_sandbox_broker.c - a broker in its sandbox: a thread that was started before uses a SQLite
 * database and blobs in the data folder as the real one does, and gets at nothing beside it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/statvfs.h>

#include "sandbox_child.h"

static void path_in_data(char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", child_data, name);
}

static void sql(sqlite3 *db, const char *text)
{
    char *error = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK) {
        dprintf(2, "%s: %s\n", text, error);
        _exit(GOT_OUT);
    }
}

static sqlite3 *database_open(const char *path)
{
    sqlite3 *db = NULL;
    NEED(sqlite3_open(path, &db) == SQLITE_OK);
    sql(db, "PRAGMA temp_store=2; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-8192");
    return db;
}

/* Writes, waits for a lock, checkpoints, backs up, sorts, vacuums, deletes. */
static void use_database(void)
{
    char path[128], copy[128], text[200];
    path_in_data(path, "chat.db");
    path_in_data(copy, "copy.db");
    sqlite3 *db = database_open(path), *other = database_open(path);
    sql(db, "CREATE TABLE body(id INTEGER PRIMARY KEY, ct BLOB); BEGIN");
    for (int i = 0; i < 2000; i++)
        sql(db, "INSERT INTO body(ct) VALUES(randomblob(300))");
    sqlite3_busy_timeout(other, 20);
    NEED(sqlite3_exec(other, "INSERT INTO body(ct) VALUES(1)", NULL, NULL, NULL) == SQLITE_BUSY);
    sql(db, "COMMIT; PRAGMA wal_checkpoint(PASSIVE); CREATE INDEX by_ct ON body(ct)");
    sql(db, "DELETE FROM body WHERE id IN (SELECT id FROM body ORDER BY ct DESC LIMIT 1500)");
    snprintf(text, sizeof text, "VACUUM INTO '%s'", copy);
    sql(db, text);
    sql(other, "PRAGMA quick_check; SELECT datetime('now', 'localtime')");
    NEED(sqlite3_close(other) == SQLITE_OK);
    sql(db, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
    NEED(sqlite3_close(db) == SQLITE_OK);
    NEED(unlink(path) == 0 && unlink(copy) == 0);
}

/* A blob: written aside, synced, moved into its folder, the folder synced, and removed. */
static void use_blobs(void)
{
    char folder[128], part[128], whole[128];
    struct statvfs free_space;
    path_in_data(folder, "blobs");
    path_in_data(part, "part");
    path_in_data(whole, "blobs/1");
    NEED(mkdir(folder, 0700) == 0);
    int fd = open(part, O_CREAT | O_EXCL | O_RDWR, 0600), dir = open(folder, O_DIRECTORY);
    NEED(fd >= 0 && fallocate(fd, 0, 0, 1 << 16) == 0 && pwrite(fd, "x", 1, 0) == 1);
    NEED(ftruncate(fd, 1) == 0 && fdatasync(fd) == 0 && lseek(fd, 0, SEEK_END) == 1);
    NEED(fchmod(fd, 0400) == 0 && rename(part, whole) == 0 && dir >= 0 && fsync(dir) == 0);
    NEED(statvfs(folder, &free_space) == 0 && fstatvfs(fd, &free_space) == 0);
    struct stat st;
    NEED(fstatat(dir, "1", &st, 0) == 0 && fstat(fd, &st) == 0 && close(fd) == 0);
    DIR *list = fdopendir(dir);
    NEED(list != NULL && readdir(list) != NULL && closedir(list) == 0);
    NEED(unlink(whole) == 0 && unlinkat(AT_FDCWD, folder, AT_REMOVEDIR) == 0);
}

static bool denied(long rc)
{
    return rc < 0 && (errno == EACCES || errno == EXDEV);
}

/* All of these the plain rights of files allow; Landlock alone stands in between. */
static void stay_inside(void)
{
    char path[128];
    if (!files_confined) return;
    NEED(denied(open("/etc/passwd", O_RDONLY)));
    NEED(denied(open("/proc/self/maps", O_RDONLY)));
    NEED(denied(open("/tmp", O_RDONLY | O_DIRECTORY)));
    NEED(denied(open(child_outside, O_RDONLY)));
    NEED(denied(open(child_outside, O_WRONLY)));
    NEED(denied(open(child_outside, O_RDONLY | O_TRUNC)));
    NEED(denied(unlink(child_outside)));
    path_in_data(path, "in");
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    NEED(fd >= 0 && close(fd) == 0);
    NEED(denied(rename(path, child_outside)));
    NEED(denied(rename(child_outside, path)));
    path_in_data(path, "../outside");
    NEED(denied(open(path, O_RDONLY)));
    path_in_data(path, "in");
    NEED(unlink(path) == 0);
}

/* How the thread learns that the sandbox is closed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool entered;
static void (*thread_job)(void);

static void *store_thread(void *arg)
{
    pthread_mutex_lock(&lock);
    while (!entered)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    void *big = malloc(32 << 20);
    NEED(big != NULL);
    free(big);
    thread_job();
    return arg;
}

/* The order a broker has to keep: confine, start threads, close the door. */
static void run_in_thread(void (*job)(void))
{
    struct sandbox_spec spec = spec_of(SANDBOX_BROKER);
    struct sandbox_report report;
    pthread_t thread;
    char byte;
    sqlite3_randomness(1, &byte);
    thread_job = job;
    NEED(sandbox_before_threads(&spec, &report) == 0);
    NEED(pthread_create(&thread, NULL, store_thread, NULL) == 0);
    if (sandbox_enter(&spec, &report) < 0) {
        dprintf(2, "%s\n", report.text);
        _exit(NO_ENTRY);
    }
    pthread_mutex_lock(&lock);
    entered = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    NEED(pthread_join(thread, NULL) == 0);
}

static void day_of_store(void)
{
    use_database();
    use_blobs();
    stay_inside();
}

static void store_in_thread(enum sandbox_role role)
{
    (void)role;
    run_in_thread(day_of_store);
    day_of_store();
}

static void test_store_thread(void **state)
{
    (void)state;
    if (!files_confined)
        print_message("skipped: files outside; %s\n",
                      RELAXED ? "relaxed for sanitizers" : "no landlock in this kernel");
    must_succeed(store_in_thread, SANDBOX_BROKER);
}

static void make_socket(void)
{
    socket(AF_INET, SOCK_STREAM, 0);
}

static void socket_in_thread(enum sandbox_role role)
{
    (void)role;
    run_in_thread(make_socket);
}

/* The filter has to reach a thread that was there before it. */
static void test_thread_is_filtered(void **state)
{
    (void)state;
    int status = in_child(socket_in_thread, SANDBOX_BROKER);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void *idle_thread(void *arg)
{
    pthread_mutex_lock(&lock);
    return arg;
}

static void enter_too_late(enum sandbox_role role)
{
    struct sandbox_spec spec = spec_of(role);
    struct sandbox_report report;
    pthread_t thread;
    pthread_mutex_lock(&lock);
    NEED(pthread_create(&thread, NULL, idle_thread, NULL) == 0);
    NEED((sandbox_enter(&spec, &report) < 0) == !RELAXED);
    NEED(RELAXED || strstr(report.text, "sandbox_before_threads") != NULL);
}

/* Landlock does not reach threads that exist: better no broker than one half confined. */
static void test_threads_before_the_fence(void **state)
{
    (void)state;
    must_succeed(enter_too_late, SANDBOX_BROKER);
}

static void enter_without_folder(enum sandbox_role role)
{
    struct sandbox_spec spec = spec_of(role);
    struct sandbox_report report;
    spec.data_dir = "/nonexistent/folder";
    NEED(sandbox_enter(&spec, &report) < 0 && strstr(report.text, "data folder") != NULL);
    spec.data_dir = NULL;
    NEED(sandbox_enter(&spec, &report) < 0 && strstr(report.text, "data folder") != NULL);
}

static void test_no_data_folder(void **state)
{
    (void)state;
    must_succeed(enter_without_folder, SANDBOX_BROKER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_thread),
        cmocka_unit_test(test_thread_is_filtered),
        cmocka_unit_test(test_threads_before_the_fence),
        cmocka_unit_test(test_no_data_folder),
    };
    return child_run_all(tests, sizeof tests / sizeof tests[0]);
}
