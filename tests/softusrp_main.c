/* softusrp_main.c - a software USRP (or several on one air) that stock libuhd finds on 127.x.y.z.
 *     softusrp [--device addr=127.0.0.1[,ppm=P][,channels=1|2][,antenna=RX2|TX/RX]]...
 *              [--fault [DEVICE:]KIND[@S][,KEY=VALUE]...]... [--KEY VALUE]...
 * Keys: softusrp.* (below) and the air's radio.sim.*. Prints "ready" when the ports are bound; a
 * report (JSON, one line) on SIGUSR1, and a last one when SIGINT or SIGTERM ends it. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "config/option.h"
#include "config/require.h"
#include "radio/air/air.h"
#include "tests/softusrp_device.h"
#include "tests/softusrp_medium.h"
#include "tests/softusrp_mpm.h"
#include "tests/softusrp_packets.h"
#include "tests/softusrp_report.h"

#define IDLE_WAIT_NS 5000000
#define BUSY_WAIT_NS 500000 /* at most: transmit packets come without notice */
#define SHORT_WAIT_NS 20000 /* not worth to sleep */

struct softusrp_cfg {
    double slow_ratio, stall_us, link_rate_bps, tx_nominal_db, rx_nominal_db;
    int64_t delay_samples, mtu_bytes;
    char report[LIMIT_TEXT];
};

#define ROW(member, row_kind, row_unit, row_fallback, row_min, row_max, row_meaning, row_short)    \
    {                                                                                              \
        .key = "softusrp." #member, .kind = OPTION_##row_kind, .unit = row_unit,                   \
        .fallback = row_fallback, .min = row_min, .max = row_max,                                  \
        .offset = offsetof(struct softusrp_cfg, member), .meaning = row_meaning,                   \
        .shorthand = row_short                                                                     \
    }

static const struct option_row softusrp_rows[] = {
    ROW(slow_ratio, NUMBER, "", "1", 0.01, 1000, "a device second lasts so many of the host's",
        "slow"),
    ROW(stall_us, NUMBER, "us", "2000", 100, 1e6,
        "device time passes at most so much at once: when this program is kept waiting, so is the "
        "device",
        "stall"),
    ROW(delay_samples, INT, "", "40", MEDIUM_DELAY_MIN, MEDIUM_DELAY_MAX,
        "from transmit to receive, all the device's own delays", "delay"),
    ROW(mtu_bytes, INT, "", "9000", 128, 9000, "largest packet offered to the host", "mtu"),
    ROW(link_rate_bps, NUMBER, "", "125e6", 1e6, 1.25e9,
        "link rate told to the host, bytes a second: below 1.25e9 it takes frames of 1472 bytes",
        "link_rate"),
    ROW(tx_nominal_db, NUMBER, "dB", "60", 0, 89.75,
        "transmit gain at which amplitude 1.0 is radio.sim.tx_power_dbm", NULL),
    ROW(rx_nominal_db, NUMBER, "dB", "30", 0, 76,
        "receive gain at which amplitude 1.0 is radio.sim.rx_full_scale_dbm", NULL),
    ROW(report, TEXT, "", "", 0, 0, "file the reports are appended to; not set: stdout", "report"),
};
static const struct option_table softusrp_table = {"software USRP", softusrp_rows,
                                                   sizeof softusrp_rows / sizeof *softusrp_rows};
static const struct option_table *const tables[] = {&softusrp_table, &air_options};
#define N_TABLES (sizeof tables / sizeof *tables)

struct softusrp {
    struct softusrp_cfg cfg;
    struct device_cfg device_cfg[DEVICES_MAX];
    struct fault_set faults[DEVICES_MAX];
    struct device *device[DEVICES_MAX];
    unsigned n_devices;
    struct medium *medium;
    FILE *report;
    int64_t last_ns;
    double ticks_due; /* of the air: those not passed yet */
    double stretched_s;
};

static volatile sig_atomic_t end_asked, report_asked;

static void on_signal(int number)
{
    if (number == SIGUSR1) {
        report_asked = 1;
    } else {
        end_asked = 1;
    }
}

/* ---- arguments ---- */

static enum status set_device_key(struct device_cfg *cfg, const char *key, const char *value)
{
    double number = 0.0;
    if (!strcmp(key, "addr")) {
        snprintf(cfg->address, sizeof cfg->address, "%s", value);
        return ST_OK;
    }
    if (!strcmp(key, "antenna")) {
        snprintf(cfg->antenna, sizeof cfg->antenna, "%s", value);
        return !strcmp(value, "RX2") || !strcmp(value, "TX/RX")
                   ? ST_OK
                   : status_fail(ST_USAGE, "--device antenna '%s': accepted RX2, TX/RX", value);
    }
    if (strcmp(key, "ppm") != 0 && strcmp(key, "channels") != 0) {
        return status_fail(ST_USAGE, "--device '%s': accepted are addr, ppm, channels, antenna",
                           key);
    }
    enum status status = option_parse_number(value, &number);
    if (status) {
        return status;
    }
    if (!strcmp(key, "ppm")) {
        cfg->ppm = number;
        return fabs(number) <= 200.0
                   ? ST_OK
                   : status_fail(ST_USAGE, "--device ppm is %g, accepted -200..200", number);
    }
    cfg->n_channels = (int)number;
    return number == 1.0 || number == 2.0
               ? ST_OK
               : status_fail(ST_USAGE, "--device channels is %g, accepted 1, 2", number);
}

static enum status add_device(struct softusrp *self, const char *text)
{
    if (self->n_devices == DEVICES_MAX) {
        return status_fail(ST_USAGE, "--device: more than %d", DEVICES_MAX);
    }
    struct device_cfg *cfg = &self->device_cfg[self->n_devices++];
    *cfg = (struct device_cfg){.antenna = "RX2", .n_channels = 2};
    snprintf(cfg->address, sizeof cfg->address, "127.0.0.%u", self->n_devices);
    char copy[LIMIT_TEXT];
    snprintf(copy, sizeof copy, "%s", text);
    char *rest = NULL;
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        char *value = strchr(word, '=');
        if (!value) {
            return status_fail(ST_USAGE, "--device '%s': accepted is KEY=VALUE", word);
        }
        *value++ = '\0';
        enum status status = set_device_key(cfg, word, value);
        if (status) {
            return status;
        }
    }
    return ST_OK;
}

/* "1:die@2": device 1; without a number device 0. */
static enum status add_fault(struct softusrp *self, const char *text)
{
    unsigned index = 0;
    if (text[0] >= '0' && text[0] <= '9' && text[1] == ':') {
        index = (unsigned)(text[0] - '0');
        text += 2;
    }
    if (index >= DEVICES_MAX) {
        return status_fail(ST_USAGE, "--fault: device %u, accepted 0..%d", index, DEVICES_MAX - 1);
    }
    struct fault fault;
    enum status status = fault_parse(text, &fault);
    return status ? status : fault_set_add(&self->faults[index], &fault);
}

/* A shorthand of any table stands for its key. */
static const char *key_of(const char *flag)
{
    for (size_t t = 0; t < N_TABLES; t++) {
        for (size_t k = 0; k < tables[t]->n_rows; k++) {
            const char *shorthand = tables[t]->rows[k].shorthand;
            if (shorthand && !strcmp(shorthand, flag)) {
                return tables[t]->rows[k].key;
            }
        }
    }
    return flag;
}

static enum status read_arguments(struct softusrp *self, struct option_set *set, int argc,
                                  char **argv)
{
    for (int k = 1; k < argc; k += 2) {
        if (strncmp(argv[k], "--", 2) != 0 || k + 1 == argc) {
            return status_fail(ST_USAGE, "'%s': accepted are pairs --KEY VALUE", argv[k]);
        }
        const char *flag = argv[k] + 2, *value = argv[k + 1];
        enum status status = !strcmp(flag, "device") ? add_device(self, value)
                             : !strcmp(flag, "fault")
                                 ? add_fault(self, value)
                                 : option_set_text(set, key_of(flag), value, argv[k]);
        if (status) {
            return status;
        }
    }
    return self->n_devices > 0 ? ST_OK : add_device(self, "");
}

/* ---- making ---- */

static enum status make_devices(struct softusrp *self, const struct air_cfg *air_cfg)
{
    for (unsigned d = 0; d < self->n_devices; d++) {
        struct device_cfg *cfg = &self->device_cfg[d];
        cfg->delay_samples = self->cfg.delay_samples;
        cfg->mtu_bytes = self->cfg.mtu_bytes;
        cfg->link_rate_bps = self->cfg.link_rate_bps;
        cfg->tx_nominal_db = self->cfg.tx_nominal_db;
        cfg->rx_nominal_db = self->cfg.rx_nominal_db;
        self->device[d] = calloc(1, sizeof *self->device[d]);
        if (!self->device[d]) {
            return status_fail(ST_NO_MEMORY, "softusrp: device");
        }
    }
    enum status status =
        medium_new(air_cfg, self->device_cfg, self->device, self->n_devices, &self->medium);
    for (unsigned d = 0; d < self->n_devices && !status; d++) {
        status = device_init(self->device[d], &self->device_cfg[d], d, self->medium);
        if (!status) {
            self->device[d]->faults = self->faults[d];
            self->device[d]->faults.start_s = NAN;
        }
    }
    return status;
}

static enum status prepare(struct softusrp *self, const struct option_set *set)
{
    struct air_cfg air_cfg;
    option_fill(set, &softusrp_table, &self->cfg);
    option_fill(set, &air_options, &air_cfg);
    self->report = self->cfg.report[0] ? fopen(self->cfg.report, "a") : stdout;
    if (!self->report) {
        return status_fail(ST_IO, "%s: %s", self->cfg.report, strerror(errno));
    }
    return make_devices(self, &air_cfg);
}

static void fini(struct softusrp *self)
{
    for (unsigned d = 0; d < self->n_devices; d++) {
        if (self->device[d]) {
            device_fini(self->device[d]);
            free(self->device[d]);
        }
    }
    medium_free(&self->medium);
    if (self->report && self->report != stdout) {
        fclose(self->report);
    }
}

/* ---- running ---- */

static int64_t host_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Whole air ticks that the host's clock says have passed. */
static int64_t ticks_passed(struct softusrp *self)
{
    const int64_t now_ns = host_ns();
    const double stall_s = self->cfg.stall_us * 1e-6;
    double passed_s = (double)(now_ns - self->last_ns) * 1e-9 / self->cfg.slow_ratio;
    self->last_ns = now_ns;
    if (passed_s > stall_s) {
        self->stretched_s += medium_is_idle(self->medium) ? 0.0 : passed_s - stall_s;
        passed_s = medium_is_idle(self->medium) ? passed_s : stall_s;
    }
    self->ticks_due += passed_s * medium_rate_sps(self->medium);
    const double whole = floor(self->ticks_due);
    self->ticks_due -= whole;
    return (int64_t)whole;
}

static void wait_for_packets(struct softusrp *self)
{
    struct pollfd polls[DEVICES_MAX * (MPM_POLLS + 1)];
    nfds_t n = 0;
    for (unsigned d = 0; d < self->n_devices; d++) {
        polls[n++] = (struct pollfd){.fd = self->device[d]->chdr_socket, .events = POLLIN};
        n += mpm_polls(self->device[d]->mpm, polls + n);
    }
    poll(polls, n, IDLE_WAIT_NS / 1000000);
}

static void wait_until_due(struct softusrp *self)
{
    const int64_t n_ticks = medium_next(self->medium);
    double wait_ns = BUSY_WAIT_NS;
    if (n_ticks != INT64_MAX) {
        const double ahead_s = ((double)n_ticks - self->ticks_due) * self->cfg.slow_ratio /
                               medium_rate_sps(self->medium);
        wait_ns = fmin(wait_ns, ahead_s * 1e9);
    }
    wait_ns -= (double)(host_ns() - self->last_ns);
    if (wait_ns >= SHORT_WAIT_NS) {
        const struct timespec nap = {.tv_nsec = (long)wait_ns};
        nanosleep(&nap, NULL);
    }
}

static void run(struct softusrp *self)
{
    self->last_ns = host_ns();
    while (!end_asked) {
        for (unsigned d = 0; d < self->n_devices; d++) {
            packets_receive(self->device[d]);
            mpm_serve(self->device[d]->mpm);
        }
        medium_run(self->medium, ticks_passed(self));
        for (unsigned d = 0; d < self->n_devices; d++) {
            packets_send(self->device[d]);
        }
        if (report_asked) {
            report_asked = 0;
            report_write(self->report, self->device, self->n_devices, self->medium,
                         self->stretched_s, false);
        }
        if (medium_is_idle(self->medium)) {
            wait_for_packets(self);
        } else {
            wait_until_due(self);
        }
    }
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waits end */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
}

int main(int argc, char **argv)
{
    static struct softusrp self;
    struct option_set *set;
    catch_signals();
    enum status status = option_set_new(tables, N_TABLES, &set);
    status = status ? status : read_arguments(&self, set, argc, argv);
    status = status ? status : prepare(&self, set);
    if (status) {
        fprintf(stderr, "softusrp: %s: %s\n", status_text(status), status_detail());
    } else {
        printf("ready\n");
        fflush(stdout);
        run(&self);
        report_write(self.report, self.device, self.n_devices, self.medium, self.stretched_s, true);
    }
    fini(&self);
    option_set_free(&set);
    return status == ST_OK ? 0 : status == ST_USAGE || status == ST_RANGE ? 2 : 1;
}
