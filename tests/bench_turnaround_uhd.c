/* bench_turnaround_uhd.c - the whole host path: unmodified libuhd, a software USRP with 50 tags in a
 * process of its own, FM0 40 kHz at 2 MS/s, packets of 2 Tpri. Late answers a slot with a tag, and the
 * turnaround from the reply's last packet to the command's first samples. With a slowed device clock the
 * host has so many times as long. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench.h"

extern char **environ;

#define ADDRESS "127.0.66.1"
#define READY_MS 10000

struct device {
    pid_t pid;
    int output;
};

/* The software USRP beside zpreader; it says "ready" when its ports are bound. */
static int device_start(const struct bench_run *run, const char *slow, struct device *device)
{
    char path[4200];
    const char *slash = strrchr(run->program, '/');
    size_t n_folder = slash ? (size_t)(slash - run->program) + 1 : 0;
    snprintf(path, sizeof path, "%.*stests/softusrp", (int)n_folder, run->program);
    char *argv[] = {path, "--device", "addr=" ADDRESS,         "--radio.sim.n_tags",
                    "50", "--slow",   (char *)(uintptr_t)slow, NULL};
    int ends[2];
    if (pipe(ends) != 0) {
        return 1;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    int failed = posix_spawn(&device->pid, path, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    device->output = ends[0];
    struct pollfd wait = {.fd = ends[0], .events = POLLIN};
    if (failed || poll(&wait, 1, READY_MS) != 1 || !(wait.revents & POLLIN)) {
        fprintf(stderr, "zpreader-bench: %s: %s\n", path,
                failed ? strerror(failed) : "does not get ready");
        return 1;
    }
    return 0;
}

static void device_stop(const struct device *device)
{
    kill(device->pid, SIGTERM);
    char text[4096];
    while (read(device->output, text, sizeof text) > 0) { /* its report, which nobody asked for */
    }
    close(device->output);
    waitpid(device->pid, NULL, 0);
}

static double member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void summary_print(struct bench_run *run, const char *label, const json_t *summary)
{
    const json_t *slots = json_object_get(summary, "slots");
    const json_t *host = json_object_get(json_object_get(summary, "host"), "turnaround_us");
    double with_tag =
        member(slots, "single") + member(slots, "rn16_only") + member(slots, "crc_error");
    char p50[32], p99[32], extra[320];
    snprintf(extra, sizeof extra,
             "\"n\":%.0f,\"late\":%.0f,\"reads\":%.0f,\"unique\":%.0f,\"underflows\":%.0f,"
             "\"overflows\":%.0f,\"turnaround_p50_us\":%s,\"turnaround_p99_us\":%s",
             with_tag, member(summary, "late"), member(summary, "reads"), member(summary, "unique"),
             member(summary, "underflows"), member(summary, "overflows"),
             bench_number(member(host, "p50"), p50), bench_number(member(host, "p99"), p99));
    bench_print(run, label, member(summary, "late") / with_tag, "late answers a tag's slot", extra);
}

/* The last event is the summary. */
static json_t *summary_read(FILE *output)
{
    static char line[65536];
    json_t *last = NULL;
    rewind(output);
    while (fgets(line, sizeof line, output)) {
        json_decref(last);
        last = json_loads(line, 0, NULL);
    }
    const char *type = json_string_value(json_object_get(last, "type"));
    if (!type || strcmp(type, "summary") != 0) {
        json_decref(last);
        return NULL;
    }
    return last;
}

static int slow_run(struct bench_run *run, const char *slow, const char *label)
{
    struct device device = {0};
    if (!bench_wanted(run, label)) {
        return 0;
    }
    if (device_start(run, slow, &device)) {
        return 1;
    }
    static const char *const arguments[] = {
        "inventory",
        "--radio",
        "uhd",
        "--args",
        "addr=" ADDRESS ",recv_frame_size=416,send_frame_size=416,master_clock_rate=2e6",
        "--region",
        "lab",
        "--freq",
        "915M",
        "--rate",
        "2M",
        "--tx-gain",
        "60",
        "--rx-gain",
        "30",
        "--radio.uhd.delay_us",
        "20",
        "--duration",
        "10",
        "--json",
        "--publish.zmq.enabled=false",
        NULL};
    FILE *output = tmpfile();
    int failed = !output || bench_spawn(run, arguments, output, NULL, NULL);
    json_t *summary = failed ? NULL : summary_read(output);
    if (summary) {
        summary_print(run, label, summary);
    } else {
        fprintf(stderr, "zpreader-bench: %s: the reader did not come to its end\n", label);
    }
    json_decref(summary);
    if (output) {
        fclose(output);
    }
    device_stop(&device);
    return !summary;
}

int bench_turnaround_uhd(struct bench_run *run)
{
    int failed = slow_run(run, "1", "uhd, fm0 40 kHz, 2 MS/s, real time");
    return failed | slow_run(run, "10", "uhd, fm0 40 kHz, 2 MS/s, device clock slowed by 10");
}
