/* air.h - the simulated air: transmitters, receivers, a channel and a population of Gen2 tags.
 * Samples in and out by tick; of dsp/ and protocol/ nothing but the path loss is used, so that no
 * error of the reader can hide in its own mirror.                         layer: radio/air
 * Deterministic: same cfg (with seed) and same transmit samples give the same receive samples,
 * whatever the block lengths. Single-threaded. */
#ifndef RADIO_AIR_AIR_H
#define RADIO_AIR_AIR_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/limits.h"
#include "config/option.h"
#include "config/status.h"
#include "radio/air/scene_cfg.h"

#define AIR_TRANSMITTERS_MAX 4
#define AIR_RECEIVERS_MAX 4
#define AIR_EMITTERS_MAX 2 /* further carriers the air itself puts on */
#define AIR_CARRIERS_MAX (AIR_EMITTERS_MAX + AIR_ENERGY_MAX) /* all that are not transmitters */
#define AIR_SOURCES_MAX (AIR_TRANSMITTERS_MAX + AIR_CARRIERS_MAX)

struct air_emitter_cfg { /* carrier that tags and receivers hear beside the transmitters */
    double level_db;     /* relative to transmitter 0 at amplitude 1.0; NaN: none */
    double offset_hz;    /* relative to the transmitters' carrier */
    double drift_hz_per_s;
    double period_s; /* 0: on all the time. Else silent once a period: */
    double silent_s, silent_from_s;
    double clock_ppm;    /* of the clock that says when */
    double isolation_db; /* to the receivers, beyond the transmitters' */
};

struct air_cfg { /* option keys radio.sim.* : table air_options; air.c documents each row */
    int64_t seed;
    int64_t n_tags;
    int64_t n_late_tags; /* of n_tags, the last ones: not there before late_s */
    double late_s;
    double distance_min_m, distance_max_m; /* tags uniform in distance */
    double tx_power_dbm; /* power of a full-scale (amplitude 1.0) transmit sample, default 20 */
    double antenna_gain_dbi, tag_gain_dbi;
    double modulation_loss_db;  /* swing of the tag's reflection: half swing h relative to full */
    double tag_sensitivity_dbm; /* power-up threshold, default -20 */
    double tag_sensitivity_spread_db;
    double leak_db;        /* own carrier at the receiver relative to the transmit power, -20 */
    double leak_phase_deg; /* NaN: drawn from the seed */
    double
        leak_drift_db_per_s;  /* slow drift of the leak: power of the change after 1 s rel. leak */
    double noise_figure_db;   /* 8; thermal noise kT0 * rate * F */
    double ebn0_db;           /* NaN: from the budget. Else every tag's half swing |h| is set so
                               * at receiver 0 that |h|^2 Tb / N0 is this, Tb from the Query it
                               * answers, h at the carrier level of that time; phase and
                               * power-up stay; N0: all white noise the receiver adds (thermal,
                               * converter, quantisation) */
    double ebn0_spread_db;    /* uniform spread of the above, +- half, per tag */
    double rx_full_scale_dbm; /* power of amplitude 1.0 at the receiver, default +6 */
    double adc_bits;          /* 0: none; else quantise and clip I and Q at +-1.0 */
    double adc_noise_lsb;     /* converter's own noise, rms of I and of Q in steps */
    double dc_offset_dbfs;    /* NaN: none */
    double carrier_offset_hz; /* transmitter's carrier relative to the receiver's (bistatic) */
    double rx_clock_ppm;      /* receivers' sample clock and carrier against the transmitters' */
    double rx_start_us; /* when the receivers take their first sample, on the transmitters' clock */
    double
        phase_noise_dbc_hz; /* white, uncorrelated, at the receiver, on everything received; NaN */
    double blf_error_ratio; /* tags' clock errors uniform in +- this (e.g. 0.04), capped by the
                             * standard's tolerance unless blf_error_force; NaN: the standard's
                             * tolerance for the link in force, 0.7 of it */
    bool blf_error_force;   /* true: blf_error_ratio may leave the standard's tolerance */
    double blf_drift_ratio; /* linear drift over one reply, uniform in +- this, default 0.002 */
    double t1_ratio;        /* where tags answer: -1 T1 min, 0 nominal, 1 T1 max */
    double t1_jitter_us;    /* uniform +-, added to that, clipped to T1min..T1max */
    double t2_limit_tpri;   /* the tag leaves reply/acknowledged after this much silence, 20 */
    int epc_scheme;         /* "sgtin|random" */
    /* what the tags hold and how they are accessed */
    int64_t tag_epc_words;   /* room for an EPC so long; one that is longer has what it needs */
    int64_t tag_user_words;  /* of User memory, at the start all zero */
    int64_t tag_block_words; /* BlockWrite and BlockErase take so many at most; 0: none at all */
    bool tag_xpc;            /* tags have XPC_W1 */
    char tag_access_password[LIMIT_TEXT], tag_kill_password[LIMIT_TEXT]; /* hex; "": zero */
    char tag_lock
        [LIMIT_TEXT]; /* hex, payload of a Lock at the maker's; "": only the TID is locked */
    char tag_key[LIMIT_TEXT]; /* hex, 128 bits of AES; "": tags know no crypto suite */
    int64_t tag_key_id;
    double tag_wrong_key_ratio;     /* of the tags have another key, drawn from the seed */
    double tag_replay_ratio;        /* of the tags repeat an old answer, drawn from the seed */
    double tag_write_us;            /* from a command that changes memory to its reply */
    double tag_write_margin_db;     /* power above the wake-up level that it takes to write */
    double tag_crypto_us;           /* to compute a response */
    double tag_security_timeout_ms; /* passwords refused so long after a wrong one */
    double tag_reply_loss_ratio;    /* of the replies to access commands, lost on the way */
    /* tags as they are wanted, whatever the distance */
    double tag_level_db;  /* NaN: from the budget. Else |h| of every tag relative to the leak of
                           * transmitter 0 at receiver 0; idle tags then add nothing to the leak */
    double tag_angle_deg; /* angle of h to that leak at its start; NaN: by seed */
    double tag_speed_mps; /* all tags, towards the reader: h turns at 2 v f / c; power-up stays */
    double fading_doppler_hz; /* greatest Doppler of the diffuse part of h; NaN: none */
    double fading_k_db;       /* direct over diffuse power (Rice); -100: Rayleigh */
    /* transmitter, leak and receiver */
    double carrier_drift_hz_per_s; /* of carrier_offset_hz */
    double leak_moving_db;     /* part of the leak that turns, relative to the leak; NaN: none */
    double leak_moving_hz;     /* its Doppler */
    double leak_swing_hz;      /* NaN: steady; else it swings to and fro so often a second */
    double settle_db;          /* tail after a step of the carrier, relative to the step, in
                                    * the leak; NaN: none */
    double settle_us;          /* its time constant */
    double tx_noise_dbc_hz;    /* white noise of the transmitted carrier, in the leak; NaN: none */
    double iq_image_db;        /* x + k conj(x) at every receiver: |k|^2; NaN: none */
    double iq_image_phase_deg; /* NaN: by seed, receiver by receiver */
    double channel_gain_db;    /* analog gain of receivers 1.. relative to receiver 0 */
    double channel_tag_db;     /* the tags' swing at receivers 1.. relative to receiver 0 */
    /* what others send into the receivers; offsets relative to the receivers' centre */
    double other_reader_dbfs, other_reader_offset_hz; /* NaN level: none */
    double other_reader_period_us;                    /* from command to command; NaN: carrier */
    double other_reader_command_us;
    double impulse_rate_per_s, impulse_dbfs, impulse_length_us; /* rate 0: none */
    double burst_dbfs, burst_offset_hz, burst_bandwidth_hz;     /* NaN level: none */
    double burst_period_us, burst_length_us;
    struct air_emitter_cfg emitter[AIR_EMITTERS_MAX];
    struct scene_cfg scene;       /* places; radio.sim.scene and what needs it */
    struct tag_device_cfg device; /* what tags live on and answer with */
};

extern const struct option_table air_options;

struct air;

/*   pre  rate_sps 1e6 .. 100e6; freq_hz > 0 (path loss); 1 <= n_tx <= AIR_TRANSMITTERS_MAX, n_rx
 * alike err  ST_RANGE with detail, ST_NO_MEMORY      own  caller frees */
enum status air_new(const struct air_cfg *cfg, double rate_sps, double freq_hz, unsigned n_tx,
                    unsigned n_rx, struct air **air) must_check;
void air_free(struct air **air);

/* Receivers with a clock of their own (rx_clock_ppm, rx_start_us) take other samples than the
 * transmitters have ticks: */
bool air_clocks_are_apart(const struct air *air);
#define AIR_STEP_ROOM(n_samples) ((n_samples) + (n_samples) / 64 + 16)
enum { AIR_CLOCK_DELAY_SAMPLES = 25 }; /* they come out so many ticks after their own */

/* What receivers that start early hear before the transmitters' tick 0, at most `capacity` samples;
 * to be called before the first air_step until it returns 0. */
size_t air_early(struct air *air, float _Complex *const rx[], size_t capacity);

/* Let n_samples ticks pass: tx[i][k] is what transmitter i puts on the air at the k-th tick,
 * rx[j][k] what receiver j hears then. Arrays do not overlap.   cost: no allocation
 *   out  how many samples the receivers take: n_samples, but with clocks apart
 *   pre  clocks apart: room for AIR_STEP_ROOM(n_samples) */
size_t air_step(struct air *air, const float _Complex *const tx[], float _Complex *const rx[],
                size_t n_samples);

/* What a receiver's front end does beyond the cfg, from the next air_step on: analog gain on all but
 * the converter's own noise, and what the antenna passes of everything on the air.
 *   pre  receiver < n_rx; both finite, 0 dB: as the cfg says. ebn0_db holds at 0 dB */
void air_set_receiver(struct air *air, unsigned receiver, double gain_db, double antenna_db);

/* Truth, for checks and benches, never for the reader. */
struct air_tag_truth {
    uint8_t epc[62]; /* packed, first bit on air first */
    size_t n_epc_bits;
    float _Complex gain; /* h at receiver 0: half the swing of the received reply, full scale = 1;
                          * without fading and motion */
    double blf_error_ratio;
    double power_dbm;              /* received at the tag, transmitter 0 at amplitude 1.0 */
    double at_m[3];                /* its place in a hall */
    bool tx_in_sight, rx_in_sight; /* of transmitter and receiver 0 */
    bool is_running;               /* has power now */
    double stored_uj;              /* in its storage; 0: it has none */
    uint64_t n_rn16_sent, n_epc_sent, n_acks_heard, n_acks_late; /* late: after T2 expired */
};
size_t air_n_tags(const struct air *air);
void air_tag_read(const struct air *air, size_t index, struct air_tag_truth *truth);

#define AIR_TAG_USER_WORDS_MAX 256
enum air_tag_state { /* of Annex B */
                     AIR_TAG_READY,
                     AIR_TAG_ARBITRATE,
                     AIR_TAG_REPLY,
                     AIR_TAG_ACKNOWLEDGED,
                     AIR_TAG_OPEN,
                     AIR_TAG_SECURED,
                     AIR_TAG_KILLED
};

struct air_tag_memory { /* what a tag holds now, hidden or not; a write under way is not done */
    uint32_t kill_password, access_password;
    uint16_t epc_words[33]; /* StoredCRC, StoredPC, EPC: as far as there is room */
    uint16_t tid_words[6];
    uint16_t user_words[AIR_TAG_USER_WORDS_MAX];
    size_t n_epc_words, n_user_words; /* of the arrays above */
    uint16_t xpc_w1;                  /* 0 when the tag has none */
    unsigned lock_bits; /* ten, as in Lock's action: kill, access, EPC, TID, User; left and perma */
    uint64_t permalocked_blocks; /* bit i: User block i, of 4 words */
    bool hides_epc, hides_user;
    unsigned hides_tid; /* 0: no, 1: from word 2 on, 2: all */
    bool is_untraceable, has_reduced_range;
    enum air_tag_state state;
    bool has_true_key;                      /* the one of the cfg */
    bool is_replaying;                      /* repeats an old answer */
    uint64_t n_access_heard, n_access_lost; /* commands with its handle; replies lost on the way */
};
void air_tag_read_memory(const struct air *air, size_t index, struct air_tag_memory *memory);

#endif
