/* softusrp_device.h - one software USRP: an Ettus E320 as stock libuhd sees it over loopback.
 *                                                                              layer: tests
 * One Radio block with two receive and two transmit channels, a stream endpoint for each; rate =
 * master clock, no DDC or DUC. Management by RPC (softusrp_mpm), samples and registers by CHDR
 * packets (softusrp_packets, softusrp_radio). All on one thread. */
#ifndef TESTS_SOFTUSRP_DEVICE_H
#define TESTS_SOFTUSRP_DEVICE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/limits.h"
#include "tests/softusrp_clock.h"
#include "tests/softusrp_endpoint.h"
#include "tests/softusrp_fault.h"
#include "tests/softusrp_hold.h"
#include "tests/softusrp_tx.h"

#define DEVICES_MAX 4
#define DEVICE_CHANNELS 2
#define DEVICE_PEERS_MAX 64
#define DEVICE_COMMANDS_MAX 64 /* control transactions waiting for their time */
#define DEVICE_CHANGES_KEPT 512

struct device_cfg {
    char address[32]; /* 127.x.y.z */
    char antenna[16]; /* the receive port the antenna is on */
    double ppm;       /* of sample clock and carrier */
    int n_channels;   /* receivers on the air; the ports of further channels are open */
    int64_t delay_samples, mtu_bytes;
    double link_rate_bps; /* bytes a second, as MPM says it */
    double tx_nominal_db, rx_nominal_db;
    bool is_verbose;
};

struct rx_channel {
    bool is_running, is_continuous;
    int64_t n_left, next_tick; /* device ticks */
    uint64_t n_packets, n_samples, n_overflows, n_late_commands;
};

struct front_end { /* what the host set */
    double freq_hz, gain_db;
};

enum change_kind {
    CHANGE_TX_FREQ,
    CHANGE_RX_FREQ,
    CHANGE_TX_GAIN,
    CHANGE_RX_GAIN,
    CHANGE_RX_ANTENNA,
    CHANGE_RATE,
    CHANGE_CLOCK_SOURCE,
    CHANGE_TIME_SOURCE,
    CHANGE_TIME,
    CHANGE_CLAIM,
    CHANGE_KINDS
};

struct change { /* of a setting, for the report */
    enum change_kind kind;
    unsigned channel;
    double at_s;   /* device seconds since the program began */
    double time_s; /* as the host counts */
    double value;
    char text[16];
};

struct peer { /* where a host's endpoint can be reached */
    uint16_t endpoint;
    struct sockaddr_in address;
};

struct command { /* a control transaction in line */
    uint64_t word[6];
    size_t n_words;
    struct chdr_control control;
    struct sockaddr_in from;
};

struct mpm; /* softusrp_mpm.h */
struct medium;

struct device {
    struct device_cfg cfg;
    unsigned index;
    struct medium *medium;
    struct mpm *mpm;
    int chdr_socket;
    uint16_t id; /* as the host numbers it */
    struct device_clock clock;
    double master_clock_hz, rate_sps; /* at the start of the session, in force */
    int64_t now_tick;
    int64_t time_offset_ticks; /* time as the host counts = tick + this */
    bool pps_is_pending;       /* set time at the next pulse */
    int64_t pps_tick, pps_time_ticks;
    bool is_dead, is_external; /* died; clock source */
    double back_s;             /* when it starts anew */
    char clock_source[16], time_source[16];
    struct endpoint endpoint[DEVICE_CHANNELS];
    struct rx_channel rx[DEVICE_CHANNELS];
    struct tx_channel tx[DEVICE_CHANNELS];
    struct front_end rx_front[DEVICE_CHANNELS], tx_front[DEVICE_CHANNELS];
    bool rx_on_trx[DEVICE_CHANNELS]; /* receive antenna TX/RX, else RX2 */
    uint32_t reg[DEVICE_CHANNELS][32];
    struct command command[DEVICE_COMMANDS_MAX];
    size_t first_command, n_commands;
    uint64_t n_commands_lost;
    uint16_t message_sequence;
    struct peer peer[DEVICE_PEERS_MAX];
    size_t n_peers;
    struct fault_set faults;
    struct hold rx_hold, tx_hold, control_hold;
    struct hold_packet rx_swap, tx_swap; /* n_bytes > 0: waits to come after the next */
    double now_s, died_s; /* device seconds since the program began; NaN: alive so far */
    struct change change[DEVICE_CHANGES_KEPT]; /* ring */
    uint64_t n_changes;
    uint64_t n_malformed, n_rx_credits_short, n_control;
};

/* Bind the ports.   err  ST_BUSY, ST_RANGE with detail   own  caller calls device_fini */
enum status device_init(struct device *device, const struct device_cfg *cfg, unsigned index,
                        struct medium *medium) must_check;
void device_fini(struct device *device);

/* As after power-up; connections and what the host set are gone. The clock runs on. */
void device_reset(struct device *device);

/* The clock has come to now_tick: transactions, faults and pulses that are due. */
void device_tick(struct device *device);

/* The device tick of the next transaction or pulse; INT64_MAX: none waits. */
int64_t device_next_tick(const struct device *device);

bool device_is_idle(const struct device *device);

void device_note(struct device *device, enum change_kind kind, unsigned channel, double value,
                 const char *text);
double device_time_s(const struct device *device);
void device_set_time(struct device *device, int64_t time_ticks);

#endif
