/* probe.h - the parts of `zpreader probe`: what it measures, step by step.    layer: reader */
#ifndef READER_PROBE_H
#define READER_PROBE_H

#include "reader/diagnose.h"
#include "reader/plan.h"
#include "reader/probe_air.h"
#include "reader/probe_levels.h"
#include "reader/publish_tally.h"
#include "reader/reader.h"

struct probe_cfg {               /* option keys probe.* : probe_options.h */
    double inventory_s;          /* length of the short inventory */
    bool gain_grid;              /* try other gains too */
    bool least_lead;             /* look for the least transmit lead (real-time radios) */
    bool list;                   /* look for radios */
    char calibrate[LIMIT_TEXT];  /* file to write; "": no calibration */
    double meter_dbm, input_dbm; /* what the user read and put in; NaN: not given */
};

#define PROBE_LEAD_SAFE_US 60e3 /* no gap in the carrier while levels are taken, on any host */
#define PROBE_TRIES 3           /* a busy host loses samples now and then */

enum { PROBE_POINTS_MAX = 16, PROBE_PORTS_MAX = RADIO_NAMES_MAX };

struct probe_point { /* of the gain grid */
    double rx_gain_db, tx_gain_db;
    size_t off_segment, on_segment;
    double noise_dbfs, leak_dbfs, headroom_db, clipped_ratio;
    bool is_tried;
    double reads_per_s, snr_db; /* of a short inventory */
    uint64_t n_unique;
};

struct probe_channel { /* of the receiver */
    char name[32];     /* its subdevice */
    double leak_dbfs;
};

struct probe_replies { /* what came back on the script's Queries */
    unsigned n_windows, n_decoded, n_silent, n_unreadable;
    unsigned n_off;         /* decoded far from the BLF asked for */
    double clock_off_ratio; /* their median; NaN: none */
};

struct probe {
    struct probe_cfg cfg;
    struct reader_cfg run;
    struct option_set *options;
    struct link link;
    struct plan plan;
    bool refused;           /* by the plan: the carrier may not be sent */
    uint64_t n_losses;      /* of the last try of probe_measure */
    size_t n_channels_used; /* where the region hops: each stretch of carrier on another channel */
    double rate_sps, freq_hz;
    bool real_time, has_about;
    struct radio_about about;
    struct probe_script script;
    struct probe_levels off, on;
    double tone_hz, image_db, delay_samples, tx_dbfs;
    struct probe_point point[PROBE_POINTS_MAX];
    size_t n_points, best_point; /* best_point: n_points when none was tried */
    char port[PROBE_PORTS_MAX][32];
    double port_leak_dbfs[PROBE_PORTS_MAX];
    size_t n_ports;
    struct probe_channel channel[LIMIT_RX_CHANNELS];
    unsigned n_channels;
    struct probe_replies replies;
    struct publish_tally tally;              /* of the main inventory */
    struct stats_distribution round_trip_us; /* real-time radios, at the lead in force */
    double tx_lead_least_us;                 /* NaN: not tried */
    struct diagnose_view view;
};

/* Where the region asks for hopping, the next channel; elsewhere the one frequency. */
double probe_next_freq_hz(struct probe *probe);

/* Open the radio and hold it to the plan.   err as the radio and the plan say; `refused` is set */
enum status probe_open(struct probe *probe, const struct radio_cfg *cfg,
                       struct radio **radio) must_check;

/* What it says of itself, its rate and frequency, into the probe; a radio that says nothing is none
 * the worse for it.   err ST_IO */
enum status probe_describe(struct probe *probe, struct radio *radio) must_check;

/* Write readings of the power meter, passed or typed, and levels of a known input into the table
 * cfg.calibrate.   err as radio, plan and calibration say; ST_NOT_FOUND nothing was measured */
enum status probe_calibrate(struct probe *probe) must_check;

/* Levels, image, delay, other ports, gain grid, replies to plain Queries: one script on one opening
 * of the radio.   err as the radio says; ST_STOPPED interrupted */
enum status probe_measure(struct probe *probe) must_check;

/* Our carrier on each channel of two captured segments.   in spec: the channels' subdevices */
void probe_channels_compare(struct probe *probe, const struct probe_segment *off,
                            const struct probe_segment *on, const char *spec);
/* Where one channel was used and hears our carrier weakly: listen on two.   err as probe_measure */
enum status probe_channels(struct probe *probe) must_check;

/* What the Queries of a script that ran brought back (probe_measure's last step). */
enum status probe_replies_find(const struct probe_script *script,
                               const struct probe_segment *segment,
                               const struct reply_rx_cfg *receiver, double rate_sps,
                               struct probe_replies *replies) must_check;

/* The short inventory, and shorter ones at the promising points of the grid.
 *   out exit status as run_reader's; 0: it ran */
int probe_inventories(struct probe *probe);

/* Real-time radios: host round trip, and the least transmit lead that loses nothing.   err as probe_measure */
enum status probe_leads(struct probe *probe) must_check;

/* Everything measured, as the rules want it. */
void probe_view_fill(struct probe *probe);

/* Report, part by part, as text or JSON lines on stdout. */
void probe_tell_radios(const struct probe *probe);
void probe_tell_radio(const struct probe *probe);
void probe_tell_measured(const struct probe *probe);
void probe_tell_grid(const struct probe *probe);
void probe_tell_links(const struct probe *probe);
void probe_tell_replies(const struct probe *probe);
void probe_tell_inventory(const struct probe *probe);
void probe_tell_findings(const struct probe *probe);

#endif
