/* bench_main.c - zpreader-bench NAME [--json]; `list` lists them. */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/option.h"
#include "reader/option_tables.h"
#include "tests/bench.h"

extern char **environ;

static const struct bench_row *const rows[] = {&bench_decode, &bench_turnaround, &bench_sim,
                                               &bench_inventory, NULL};

double bench_wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double bench_cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void bench_print(const struct bench_run *run, const char *label, double value, const char *unit,
                 const char *extra)
{
    if (run->json) {
        printf("{\"bench\":\"%s\",\"case\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"%s%s,"
               "\"settings\":\"%08lx\"}\n",
               run->name, label, value, unit, extra[0] ? "," : "", extra, run->settings);
    } else {
        printf("%-12s %-44s %12.5g %-22s %s\n", run->name, label, value, unit, extra);
    }
    fflush(stdout);
}

int bench_spawn(const struct bench_run *run, const char *const *arguments, FILE *output,
                double *wall_s, double *cpu_s)
{
    char *argv[64];
    int n = 0;
    argv[n++] = (char *)(uintptr_t)run->program;
    for (int k = 0; arguments[k] && n < 63; k++) {
        argv[n++] = (char *)(uintptr_t)arguments[k];
    }
    argv[n] = NULL;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (output) {
        posix_spawn_file_actions_adddup2(&actions, fileno(output), STDOUT_FILENO);
    } else {
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1, 0);
    }
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
    double start = bench_wall_s();
    pid_t pid;
    int failed = posix_spawn(&pid, run->program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed) {
        fprintf(stderr, "zpreader-bench: %s: %s\n", run->program, strerror(failed));
        return -1;
    }
    int status = 0;
    struct rusage usage;
    if (wait4(pid, &status, 0, &usage) < 0) {
        return -1;
    }
    if (wall_s) {
        *wall_s = bench_wall_s() - start;
    }
    if (cpu_s) {
        *cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static unsigned long settings_hash(void)
{
    const struct option_table *tables[OPTION_TABLES_MAX];
    struct option_set *set = NULL;
    size_t n = option_tables_collect(tables);
    if (option_set_new(tables, n, &set) != ST_OK) {
        return 0;
    }
    unsigned long hash = option_hash(set);
    option_set_free(&set);
    return hash;
}

static int list(void)
{
    for (int k = 0; rows[k]; k++) {
        printf("%-12s %s\n", rows[k]->name, rows[k]->help);
    }
    return 0;
}

/* The zpreader beside this program. */
static const char *program_path(void)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);
    if (n < 0) {
        return "./zpreader";
    }
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    strcpy(slash ? slash + 1 : path, "zpreader");
    return path;
}

int main(int argc, char **argv)
{
    struct bench_run run = {.program = program_path(), .settings = settings_hash()};
    const char *name = NULL;
    for (int k = 1; k < argc; k++) {
        if (strcmp(argv[k], "--json") == 0) {
            run.json = true;
        } else {
            name = argv[k];
        }
    }
    if (!name || strcmp(name, "list") == 0 || strcmp(name, "--help") == 0) {
        return list() || fflush(stdout) != 0;
    }
    for (int k = 0; rows[k]; k++) {
        if (strcmp(rows[k]->name, name) == 0) {
            run.name = name;
            return rows[k]->run(&run) || fflush(stdout) != 0 || ferror(stdout);
        }
    }
    fprintf(stderr, "zpreader-bench: no benchmark '%s'; zpreader-bench list shows them\n", name);
    return 2;
}
