/* The spooler is killed at random moments, and the machine loses its power: of each file stays what was synced, and perhaps a part of what came
 * after, damaged. At times the disk refuses a sync. No delete that was acknowledged is lost. SPOOL_SECONDS: how long; SEED.
 *
 * fdatasync and fsync are this program's: in the spooler they copy what is on the disk from now on into a second folder.
 */
#include "unit/spool/spooler_host.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/log.h"

enum { WORKERS = 2, SERVERS = 3, KEYS = 1000 * 1000, GROUP = 40 };

static const char *const servers[SERVERS] = {"10.0.0.1:11211", "10.0.0.2:11211", "unix:/tmp/m"};

/* --- the disk ---------------------------------------------------------------------------------- */

static char
    stable[80]; /* the second folder: NAME: synced; NAME.entry: so is its place in the folder */
static bool is_spooler, fails;

static void path_in(char path[256], const char *folder, const char *name, const char *ending)
{
    assert_true(snprintf(path, 256, "%s/%s%s", folder, name, ending) < 256);
}

static size_t read_all(const char *path, unsigned char *to, size_t most)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0) return 0;
    ssize_t n = read(fd, to, most);
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

static void write_all(const char *path, const unsigned char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len) abort();
    close(fd);
}

static unsigned char copied[8 << 20];

/* The process may be killed meanwhile: the copy comes with one step. */
static void copy_to_stable(int fd)
{
    char link[64], from[256], to[256], new[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, from, sizeof from - 1);
    if (n < 0) abort();
    from[n] = '\0';
    path_in(to, stable, strrchr(from, '/') + 1, "");
    path_in(new, stable, "new", "");
    write_all(new, copied, read_all(from, copied, sizeof copied));
    if (rename(new, to) != 0) abort();
}

static bool is_spool(const char *name)
{
    size_t len = strlen(name);
    return len > 6 && strcmp(name + len - 6, ".spool") == 0;
}

static bool refuses_now(void)
{
    if (!is_spooler || !fails || lrand48() % 5) return false;
    errno = EIO;
    return true;
}

/* Of several threads at once. */
int disk_syncs(int fd)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    bool refuses = refuses_now();
    if (is_spooler && !refuses) copy_to_stable(fd);
    pthread_mutex_unlock(&lock);
    if (!refuses) return (int)syscall(SYS_fdatasync, fd);
    errno = EIO;
    return -1;
}

/* By another name, as the C library names its argument otherwise. */
extern __typeof__(fdatasync) fdatasync __attribute__((alias("disk_syncs")));

static void note_entry(const char *path, void *arg)
{
    char to[256];
    const char *name = strrchr(path, '/') + 1;
    (void)arg;
    if (!is_spool(name)) return;
    path_in(to, stable, name, ".entry");
    write_all(to, (const unsigned char *)"", 0);
}

int fsync(int fd)
{
    if (refuses_now()) return -1;
    if (is_spooler) for_files(note_entry, NULL);
    return (int)syscall(SYS_fsync, fd);
}

/* What was synced, and of what came after a part, with a wrong byte at times. */
static void come_back(const char *name)
{
    static unsigned char now[8 << 20];
    char path[256];
    path_in(path, stable, name, "");
    size_t len = read_all(path, copied, sizeof copied);
    path_in(path, dir, name, "");
    size_t more = read_all(path, now, sizeof now);
    if (more > len && memcmp(now, copied, len) == 0) {
        size_t end = len + (size_t)lrand48() % (more - len + 1);
        memcpy(copied + len, now + len, end - len);
        if (end > len && lrand48() % 2) copied[len + (size_t)lrand48() % (end - len)] ^= 0x55;
        len = end;
    }
    unlink(path);
    path_in(path, dir, name, "");
    write_all(path, copied, len);
}

static void forget_unless_entered(const char *path, void *arg)
{
    char entry[256];
    const char *name = strrchr(path, '/') + 1;
    (void)arg;
    path_in(entry, stable, name, ".entry");
    if (is_spool(name) && access(entry, F_OK) != 0) unlink(path);
}

/* Files that were removed are there again, or are not. */
static void power_fails(void)
{
    for_files(forget_unless_entered, NULL);
    DIR *all = opendir(stable);
    assert_non_null(all);
    for (struct dirent *one; (one = readdir(all));) {
        char path[256], *ending = strstr(one->d_name, ".entry");
        if (!ending) continue;
        *ending = '\0';
        path_in(path, dir, one->d_name, "");
        if (access(path, F_OK) == 0 || lrand48() % 2) come_back(one->d_name);
    }
    closedir(all);
}

static void becomes_spooler(void)
{
    is_spooler = true;
    (void)log_show_from("error");
    srand48(time(NULL) ^ getpid());
}

/* --- workers ----------------------------------------------------------------------------------- */

/* Of each key. */
static bool acknowledged[KEYS], replayed[KEYS];
static unsigned keys, acknowledged_n, refused_n;

struct player {
    struct worker w;
    unsigned *sent; /* the key of each of its numbers */
    uint64_t answered;
    bool is_ready; /* the spooler has said of all servers what waits */
    bool replays[SERVERS];
};

static void player_connects(struct player *p)
{
    p->w = worker_connects();
    p->answered = 0;
    p->is_ready = false;
    memset(p->replays, 0, sizeof p->replays);
}

static int server_of(const struct spool_said *said)
{
    for (int i = 0; i < SERVERS; i++)
        if (spool_said_names(said, servers[i])) return i;
    return -1;
}

static void takes(struct player *p, struct spool_said *said)
{
    static struct spool_packet done;
    struct spool_item item = {.number = 0};
    int server = server_of(said);
    switch (said->head.word) {
    case SPOOL_REFUSED:
        while (spool_said_next(said, &item)) {
            p->sent[item.number] = KEYS; /* of nobody */
            refused_n++;
        }
        break;
    case SPOOL_KEPT:
        for (; p->answered < said->head.number; p->answered++) {
            unsigned key = p->sent[p->answered + 1];
            if (key == KEYS) continue;
            acknowledged[key] = true;
            acknowledged_n++;
        }
        break;
    case SPOOL_GIVE:
        while (spool_said_next(said, &item)) replayed[number_of(&item)] = true;
        spool_packet_begin(&done, SPOOL_DONE, item.number, servers[server],
                           strlen(servers[server]));
        (void)is_sent(&p->w, &done); /* it may have been killed since */
        break;
    case SPOOL_READY: p->is_ready = true; break;
    case SPOOL_STATE:
    case SPOOL_LEASED: p->replays[server] = false; break;
    default: break;
    }
}

/* False: there is nothing more now. */
static bool hears_one(struct player *p, double seconds)
{
    struct spool_said said;
    if (!hears(&p->w, &said, seconds)) return false;
    takes(p, &said);
    return true;
}

static void keeps_some(struct player *p)
{
    static struct spool_packet packet;
    const char *server = servers[lrand48() % SERVERS];
    unsigned n = 1 + (unsigned)lrand48() % GROUP;
    spool_packet_begin(&packet, SPOOL_KEEP, 0, server, strlen(server));
    for (unsigned i = 0; i < n; i++) {
        const char *line = line_of(keys);
        p->sent[++p->w.number] = keys++;
        assert_true(spool_packet_add(&packet, p->w.number, line, strlen(line)));
    }
    assert_true(is_sent(&p->w, &packet));
}

static void plays(struct player *p)
{
    int server = (int)(lrand48() % SERVERS);
    long what = lrand48() % 40;
    if (what < 30) {
        keeps_some(p);
    } else if (what < 33 && !p->replays[server]) {
        p->replays[server] = true;
        says(&p->w, SPOOL_TAKE, 0, servers[server]);
    } else if (what < 35) {
        says(&p->w, SPOOL_LEAVE, 0, servers[server]);
    }
    while (hears_one(p, what > 37 ? 0.001 : 0)) continue;
}

/* A spooler's life; the workers go with it. */
static void life(struct player *players, unsigned steps)
{
    struct process p = usual_spooler();
    for (int i = 0; i < WORKERS; i++) player_connects(&players[i]);
    for (unsigned i = 0; i < steps && keys < KEYS - GROUP; i++)
        plays(&players[lrand48() % WORKERS]);
    spooler_is_killed(&p);
    for (int i = 0; i < WORKERS; i++) {
        while (hears_one(&players[i], 0)) continue; /* what it has said before */
        worker_goes(&players[i].w);
    }
}

/* All that waits comes. */
static void replay_all(struct player *p)
{
    struct process spooler = usual_spooler();
    player_connects(p);
    while (!p->is_ready) assert_true(hears_one(p, PATIENCE));
    for (int i = 0; i < SERVERS; i++) {
        p->replays[i] = true;
        says(&p->w, SPOOL_TAKE, 0, servers[i]);
        while (p->replays[i]) assert_true(hears_one(p, PATIENCE));
    }
    assert_int_equal(spooler.counted->pending, 0);
    worker_goes(&p->w);
    spooler_ends(&spooler);
}

static void remove_stable(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", stable);
    assert_int_equal(system(command), 0);
}

static double seconds_of_test(void)
{
    const char *text = getenv("SPOOL_SECONDS");
    return text ? atof(text) : 1.5;
}

/* Lives of spoolers, until all keys are used or time is over; then all that waits is replayed, and nothing may be missing. */
static unsigned season(struct player *players, double until)
{
    unsigned lives = 0, lost = 0;
    keys = acknowledged_n = refused_n = 0;
    memset(acknowledged, 0, sizeof acknowledged);
    memset(replayed, 0, sizeof replayed);
    while (process_clock() < until && keys < KEYS - GROUP) {
        fails = lives % 3 == 2;
        life(players, (unsigned)(lrand48() % 400));
        if (lrand48() % 2) power_fails();
        lives++;
    }
    fails = false;
    replay_all(&players[0]);
    for (unsigned i = 0; i < keys; i++) lost += acknowledged[i] && !replayed[i];
    printf("%u deletes, %u acknowledged, %u refused, %u lives of a spooler, %u lost\n", keys,
           acknowledged_n, refused_n, lives, lost);
    assert_int_equal(lost, 0);
    return acknowledged_n;
}

static void no_acknowledged_delete_is_lost(void **state)
{
    const char *seed = getenv("SEED");
    long number = seed ? atol(seed) : 1;
    struct player players[WORKERS];
    unsigned n = 0;
    printf("SEED=%ld\n", number);
    srand48(number);
    snprintf(stable, sizeof stable, "%s-stable", dir);
    assert_int_equal(mkdir(stable, 0700), 0);
    in_child = becomes_spooler;
    for (int i = 0; i < WORKERS; i++) {
        players[i].sent = calloc(KEYS, sizeof *players[i].sent);
        assert_non_null(players[i].sent);
    }
    double until = process_clock() + seconds_of_test();
    while (process_clock() < until) n += season(players, until);
    assert_true(n > 100);
    for (int i = 0; i < WORKERS; i++) free(players[i].sent);
    remove_stable();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_acknowledged_delete_is_lost, folder_comes, folder_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
