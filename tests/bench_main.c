/* bench_main.c - zpreader-bench NAME [--json] [--quick] [--jobs N] [--svg DIR] [--radio uhd] [FILTER...]; `list`
 * lists them. */
#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/option.h"
#include "reader/option_tables.h"
#include "tests/bench.h"

extern char **environ;

static const struct bench_row *const rows[] = {&bench_decode,
                                               &bench_turnaround,
                                               &bench_sim,
                                               &bench_inventory,
                                               &bench_sensitivity,
                                               &bench_canceller,
                                               &bench_robustness,
                                               &bench_accuracy,
                                               &bench_population,
                                               &bench_collisions,
                                               NULL};

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

const char *bench_number(double value, char text[32])
{
    snprintf(text, 32, isfinite(value) ? "%.6g" : "null", value);
    return text;
}

void bench_print(const struct bench_run *run, const char *label, double value, const char *unit,
                 const char *extra)
{
    char number[32];
    if (run->json) {
        printf("{\"bench\":\"%s\",\"case\":\"%s\",\"value\":%s,\"unit\":\"%s\"%s%s,"
               "\"settings\":\"%08lx\"}\n",
               run->name, label, bench_number(value, number), unit, extra[0] ? "," : "", extra,
               run->settings);
    } else {
        printf("%-12s %-56s %12.5g %-22s %s\n", run->name, label, value, unit, extra);
    }
    fflush(stdout);
}

bool bench_wanted(const struct bench_run *run, const char *label)
{
    for (unsigned k = 0; k < run->n_filters; k++) {
        if (!strstr(label, run->filter[k])) {
            return false;
        }
    }
    return true;
}

enum status bench_options(struct bench_run *run, const char *const *settings,
                          struct option_set **set)
{
    const struct option_table *tables[OPTION_TABLES_MAX];
    enum status status = option_set_new(tables, option_tables_collect(tables), set);
    if (status) {
        return status;
    }
    for (; !status && settings && *settings; settings += 2) {
        status = option_set_text(*set, settings[0], settings[1], "bench");
    }
    if (status) {
        option_set_free(set);
        return status;
    }
    run->settings = option_hash(*set);
    return ST_OK;
}

/* Run with one more argument (NULL: none). */
static int program_run(const struct bench_run *run, const char *const *arguments, const char *more,
                       FILE *output, double *wall_s, double *cpu_s)
{
    char *argv[64];
    int n = 0;
    argv[n++] = (char *)(uintptr_t)run->program;
    for (int k = 0; arguments[k] && n < 62; k++) {
        argv[n++] = (char *)(uintptr_t)arguments[k];
    }
    argv[n++] = (char *)(uintptr_t)more;
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

/* The program's own word on what these arguments mean. */
static int settings_of_program(struct bench_run *run, const char *const *arguments)
{
    static char yaml[1 << 18];
    FILE *output = tmpfile();
    if (!output) {
        return 1;
    }
    int failed = program_run(run, arguments, "--dump-config", output, NULL, NULL);
    rewind(output);
    size_t n = fread(yaml, 1, sizeof yaml, output);
    fclose(output);
    struct option_set *set = NULL;
    if (failed || bench_options(run, NULL, &set) != ST_OK) {
        return 1;
    }
    failed = option_read_memory(set, yaml, n, "--dump-config") != ST_OK;
    run->settings = option_hash(set);
    option_set_free(&set);
    return failed;
}

int bench_spawn(struct bench_run *run, const char *const *arguments, FILE *output, double *wall_s,
                double *cpu_s)
{
    if (settings_of_program(run, arguments)) {
        fprintf(stderr, "zpreader-bench: %s: no configuration: %s\n", run->program,
                status_detail());
        return -1;
    }
    return program_run(run, arguments, NULL, output, wall_s, cpu_s);
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

static int usage(const char *what, const char *argument)
{
    fprintf(stderr,
            "zpreader-bench: %s '%s'\n"
            "usage: zpreader-bench NAME [--json] [--quick] [--jobs N] [--svg DIR] [--radio uhd] "
            "[FILTER...]; zpreader-bench list shows the names\n",
            what, argument);
    return 2;
}

/* Flags anywhere, then the name, then filters.   out 0, or the exit status */
static int arguments_parse(int argc, char **argv, struct bench_run *run)
{
    for (int k = 1; k < argc; k++) {
        const char *argument = argv[k];
        bool has_value = strcmp(argument, "--jobs") == 0 || strcmp(argument, "--svg") == 0 ||
                         strcmp(argument, "--radio") == 0;
        if (has_value && k + 1 == argc) {
            return usage("no value for", argument);
        }
        if (strcmp(argument, "--json") == 0) {
            run->json = true;
        } else if (strcmp(argument, "--quick") == 0) {
            run->quick = true;
        } else if (strcmp(argument, "--radio") == 0) {
            if (strcmp(argv[++k], "uhd") != 0) {
                return usage("--radio is uhd (turnaround over the software USRP), not", argv[k]);
            }
            run->over_uhd = true;
        } else if (strcmp(argument, "--jobs") == 0) {
            long n = strtol(argv[++k], NULL, 10);
            if (n < 1 || n > 256) {
                return usage("--jobs is 1..256, not", argv[k]);
            }
            run->n_jobs = (unsigned)n;
        } else if (strcmp(argument, "--svg") == 0) {
            run->svg_folder = argv[++k];
            if (mkdir(run->svg_folder, 0777) != 0 && errno != EEXIST) {
                fprintf(stderr, "zpreader-bench: --svg %s: %s\n", run->svg_folder, strerror(errno));
                return 1;
            }
        } else if (argument[0] == '-' && strcmp(argument, "--help") != 0) {
            return usage("no flag", argument);
        } else if (!run->name) {
            run->name = argument;
        } else if (run->n_filters < BENCH_FILTERS_MAX) {
            run->filter[run->n_filters++] = argument;
        }
    }
    return 0;
}

int bench_check(enum status status)
{
    if (status) {
        fprintf(stderr, "zpreader-bench: %s\n", status_detail());
    }
    return status != ST_OK;
}

int main(int argc, char **argv)
{
    long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct bench_run run = {.program = program_path(),
                            .n_jobs = n_cores > 0 ? (unsigned)n_cores : 1};
    struct option_set *set = NULL;
    int status = arguments_parse(argc, argv, &run);
    if (status) {
        return status;
    }
    if (!run.name || strcmp(run.name, "list") == 0 || strcmp(run.name, "--help") == 0) {
        return list() || fflush(stdout) != 0;
    }
    if (bench_options(&run, NULL, &set) != ST_OK) {
        fprintf(stderr, "zpreader-bench: %s\n", status_detail());
        return 1;
    }
    option_set_free(&set);
    for (int k = 0; rows[k]; k++) {
        if (strcmp(rows[k]->name, run.name) == 0) {
            return rows[k]->run(&run) || fflush(stdout) != 0 || ferror(stdout);
        }
    }
    return usage("no benchmark", run.name);
}
