#include "lib/program.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct program *program_of(struct actor *actor)
{
    return (struct program *)(void *)actor;
}

static void program_acts(struct actor *actor, short revents)
{
    struct program *p = program_of(actor);
    (void)revents;
    if (waitpid(p->pid, &p->status, WNOHANG) != p->pid) return;
    p->is_gone = true;
    close(actor->fd);
    actor->fd = -1;
}

/* Between fork and exec: nothing but system calls. */
static void child_becomes(const char *const argv[], pid_t parent, int out, int err)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    signal(SIGPIPE, SIG_DFL);
    dup2(nothing, 0);
    dup2(out >= 0 ? out : nothing, 1);
    dup2(err >= 0 ? err : nothing, 2);
    execvp(argv[0], (char *const *)(const void *)argv);
    _exit(127);
}

void program_start(struct program *p, const char *const argv[], int out, int err)
{
    pid_t parent = getpid();
    fflush(NULL);
    p->pid = fork();
    if (p->pid == 0) child_becomes(argv, parent, out, err);
    if (p->pid < 0) stage_fails("cannot fork");
    p->actor.fd = pidfd_open(p->pid, 0);
    if (p->actor.fd < 0) stage_fails("cannot open a pidfd");
    p->actor.acts = program_acts;
}

static bool is_gone(void *what)
{
    return ((struct program *)what)->is_gone;
}

bool program_waits(struct program *p)
{
    return stage_waits(is_gone, p);
}

void program_kill(struct program *p)
{
    if (!p->is_gone && p->pid > 0) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, &p->status, 0);
        p->is_gone = true;
    }
    if (p->actor.fd >= 0) close(p->actor.fd);
    p->actor.fd = -1;
}

const char *program_end(const struct program *p)
{
    if (!p->is_gone) return "still running";
    if (WIFEXITED(p->status)) return textf("exit %d", WEXITSTATUS(p->status));
    return textf("signal %d (%s)", WTERMSIG(p->status), strsignal(WTERMSIG(p->status)));
}

/* --- run to the end ------------------------------------------------------------------------- */

static const char *content_of(FILE *file)
{
    long n = ftell(file);
    char *text = stage_memory((size_t)(n < 0 ? 0 : n) + 1);
    rewind(file);
    if (n > 0 && fread(text, 1, (size_t)n, file) != (size_t)n)
        stage_fails("cannot read back output");
    return text;
}

static bool runner_leaves(struct actor *actor)
{
    program_kill(program_of(actor));
    return true;
}

struct run program_run(const char *const argv[])
{
    struct program *p = stage_memory(sizeof *p);
    FILE *out = tmpfile(), *err = tmpfile();
    if (!out || !err) stage_fails("cannot make temporary files");
    p->actor.rank = RANK_PROGRAM;
    p->actor.leaves = runner_leaves;
    program_start(p, argv, fileno(out), fileno(err));
    stage_enter(&p->actor);
    program_waits(p);
    bool exited = p->is_gone && WIFEXITED(p->status);
    struct run run = {.code = exited ? WEXITSTATUS(p->status) : -1};
    stage_dismiss(&p->actor);
    fseek(out, 0, SEEK_END);
    fseek(err, 0, SEEK_END);
    run.out = content_of(out);
    run.err = content_of(err);
    fclose(out);
    fclose(err);
    return run;
}

/* --- what /proc tells ----------------------------------------------------------------------- */

/* Of `pid (name) state ppid ...`: the name may hold anything, its last bracket ends it. */
struct stat_line {
    char state; /* 0: there is no such process */
    long parent;
};

static struct stat_line read_stat(const char *path)
{
    char line[512] = "";
    struct stat_line s = {0};
    FILE *file = fopen(path, "re");
    if (!file) return s;
    const char *at = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    if (at && strlen(at) > 4)
        s = (struct stat_line){.state = at[2], .parent = strtol(at + 4, NULL, 10)};
    fclose(file);
    return s;
}

static pid_t parent_of(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    struct stat_line s = read_stat(path);
    return s.state == 'Z' ? 0 : (pid_t)s.parent;
}

bool program_is_stopped(pid_t pid)
{
    char path[320];
    bool are_stopped = true;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (!tasks) return false;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, entry->d_name);
        if (read_stat(path).state != 'T') are_stopped = false;
    }
    closedir(tasks);
    return are_stopped;
}

static int by_pid(const void *a, const void *b)
{
    return *(const pid_t *)a < *(const pid_t *)b ? -1 : 1;
}

size_t program_children(pid_t pid, pid_t *children, size_t max)
{
    DIR *proc = opendir("/proc");
    size_t n = 0;
    if (!proc) return 0;
    for (struct dirent *entry; n < max && (entry = readdir(proc));) {
        pid_t other = (pid_t)strtol(entry->d_name, NULL, 10);
        if (other > 0 && parent_of(other) == pid) children[n++] = other;
    }
    closedir(proc);
    qsort(children, n, sizeof *children, by_pid);
    return n;
}

static size_t status_kib(pid_t pid, const char *field)
{
    char path[64], line[256];
    size_t kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0) kib = strtoul(line + strlen(field), NULL, 10);
    fclose(file);
    return kib;
}

size_t program_rss_kib(pid_t pid)
{
    return status_kib(pid, "VmRSS:");
}

size_t program_peak_kib(pid_t pid)
{
    return status_kib(pid, "VmHWM:");
}

size_t program_descriptors(pid_t pid, const char *start)
{
    char path[64], target[64];
    size_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    if (!folder) return 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        if (length > 0 && strncmp(target, start, strlen(start)) == 0) n++;
    }
    closedir(folder);
    return n;
}

size_t program_sockets(pid_t pid)
{
    return program_descriptors(pid, "socket:");
}

struct orphan {
    pid_t pid;
};

static bool is_ours(void *what)
{
    return parent_of(((struct orphan *)what)->pid) == getpid();
}

void program_becomes(struct program *p, pid_t pid)
{
    struct orphan orphan = {pid};
    if (!stage_waits(is_ours, &orphan)) stage_fails("process %d is not ours", (int)pid);
    p->pid = pid;
    p->is_gone = false;
    p->actor.fd = pidfd_open(pid, 0);
    if (p->actor.fd < 0) stage_fails("cannot open a pidfd");
}

/* --- files ---------------------------------------------------------------------------------- */

struct folder {
    struct actor actor;
    char path[64];
};

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static bool folder_leaves(struct actor *actor)
{
    return nftw(((struct folder *)(void *)actor)->path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0;
}

const char *program_folder(void)
{
    struct folder *f = stage_memory(sizeof *f);
    *f = (struct folder){{.fd = -1, .rank = RANK_FOLDER, .leaves = folder_leaves},
                         "/tmp/moongate-test-XXXXXX"};
    if (!mkdtemp(f->path)) stage_fails("cannot make a folder in /tmp");
    chmod(f->path, 0755);
    stage_enter(&f->actor);
    return f->path;
}

void file_becomes(const char *path, const char *text)
{
    const char *fresh = textf("%s.new", path);
    FILE *file = fopen(fresh, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || rename(fresh, path) != 0)
        stage_fails("cannot write %s", path);
}

const char **program_arguments(const char *const before[], const char *first, va_list rest)
{
    enum { ARGUMENTS_MAX = 64 };
    const char **argv = stage_memory(sizeof *argv * (ARGUMENTS_MAX + 1));
    size_t n = 0;
    for (; before[n]; n++) argv[n] = before[n];
    for (const char *item = first; item && n < ARGUMENTS_MAX; item = va_arg(rest, const char *))
        argv[n++] = item;
    return argv;
}
