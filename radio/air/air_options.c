/* air_options.c - the rows radio.sim.*: what the simulated air can be told. */
#include "radio/air/air.h"
#include "radio/air/scene_rows.h"

#define ROW(field, kind_, unit_, fallback_, min_, max_, meaning_)                                  \
    {                                                                                              \
        .key = "radio.sim." #field, .kind = OPTION_##kind_, .unit = unit_, .fallback = fallback_,  \
        .min = min_, .max = max_, .offset = offsetof(struct air_cfg, field), .meaning = meaning_   \
    }

#define EMITTER_ROW(name_, index_, field_, unit_, fallback_, min_, max_, meaning_)                 \
    {                                                                                              \
        .key = "radio.sim.emitter" name_ "_" #field_, .kind = OPTION_NUMBER, .unit = unit_,        \
        .fallback = fallback_, .min = min_, .max = max_,                                           \
        .offset = offsetof(struct air_cfg, emitter[index_].field_), .meaning = meaning_            \
    }

#define EMITTER_ROWS(name, index)                                                                  \
    EMITTER_ROW(name, index, level_db, "dB", "", -200, 20,                                         \
                "a further carrier that tags and receivers hear, relative to tx_power_dbm; "       \
                "not set: none"),                                                                  \
        EMITTER_ROW(name, index, offset_hz, "Hz", "1000", -50e6, 50e6,                             \
                    "its frequency relative to the transmitter's, at most half the sample rate"),  \
        EMITTER_ROW(name, index, drift_hz_per_s, "Hz/s", "0", -1e4, 1e4, "its drift"),             \
        EMITTER_ROW(name, index, period_s, "s", "0", 0, 60,                                        \
                    "it is silent once in each period; 0: never"),                                 \
        EMITTER_ROW(name, index, silent_s, "s", "0.01", 0, 60,                                     \
                    "for so long, ramps of 50 us on both sides not counted"),                      \
        EMITTER_ROW(name, index, silent_from_s, "s", "0", -60, 60,                                 \
                    "from so long after the period's beginning on"),                               \
        EMITTER_ROW(name, index, clock_ppm, "ppm", "0", -100, 100,                                 \
                    "how fast the clock is that says when it is silent"),                          \
        EMITTER_ROW(name, index, isolation_db, "dB", "0", -100, 200,                               \
                    "its carrier at the receivers is so much weaker than leak_db makes it")

static const struct option_row air_rows[] = {
    {.key = "radio.sim.seed",
     .kind = OPTION_INT,
     .unit = "",
     .fallback = "1",
     .min = 0,
     .max = 9e15,
     .offset = offsetof(struct air_cfg, seed),
     .meaning = "seed of everything drawn by chance; same seed, same run",
     .shorthand = "seed"},
    {.key = "radio.sim.n_tags",
     .kind = OPTION_INT,
     .unit = "",
     .fallback = "100",
     .min = 0,
     .max = 10000,
     .offset = offsetof(struct air_cfg, n_tags),
     .meaning = "tags in the field",
     .shorthand = "tags"},
    ROW(n_late_tags, INT, "", "0", 0, 10000,
        "so many of the tags come into the field only after late_s, the last of them by number"),
    ROW(late_s, NUMBER, "s", "1", 0, 1e6, "when they come, after the first sample"),
    ROW(distance_min_m, NUMBER, "m", "0.5", 0.01, 1000,
        "nearest tag; tags are uniform in distance"),
    ROW(distance_max_m, NUMBER, "m", "3", 0.01, 1000, "farthest tag"),
    ROW(tx_power_dbm, NUMBER, "dBm", "20", -60, 60, "transmit power at amplitude 1.0"),
    ROW(antenna_gain_dbi, NUMBER, "dBi", "6", -20, 60, "reader antennas, transmit and receive"),
    ROW(tag_gain_dbi, NUMBER, "dBi", "2", -20, 20, "tag antennas, matching included"),
    ROW(modulation_loss_db, NUMBER, "dB", "6", 0, 60,
        "half swing of the reflection below a full reflection"),
    ROW(tag_sensitivity_dbm, NUMBER, "dBm", "-20", -90, 30, "power at which a tag wakes up"),
    ROW(tag_sensitivity_spread_db, NUMBER, "dB", "1", 0, 40,
        "sensitivity is uniform over this width, tag by tag"),
    ROW(leak_db, NUMBER, "dB", "-20", -200, 20,
        "transmitter to receiver, carrier relative to transmit power"),
    ROW(leak_phase_deg, NUMBER, "deg", "", -360, 360, "phase of the leak; not set: by seed"),
    ROW(leak_drift_db_per_s, NUMBER, "dB", "", -200, 20,
        "power of the leak's change after 1 s relative to the leak, random walk; not set: none"),
    ROW(noise_figure_db, NUMBER, "dB", "8", -100, 80, "receiver noise over kT0, T0 = 290 K"),
    ROW(ebn0_db, NUMBER, "dB", "", -40, 120,
        "Eb/N0 of every reply at receiver 0; not set: from the link budget"),
    ROW(ebn0_spread_db, NUMBER, "dB", "0", 0, 60, "ebn0_db is uniform over this width, tag by tag"),
    ROW(rx_full_scale_dbm, NUMBER, "dBm", "6", -120, 60, "receive power of amplitude 1.0"),
    ROW(adc_bits, NUMBER, "bit", "12", 0, 16, "converter width of I and Q, clips at 1.0; 0: none"),
    ROW(adc_noise_lsb, NUMBER, "LSB", "0.5", 0, 100,
        "converter's own noise, rms of I and of Q in steps: a real one is never silent"),
    ROW(dc_offset_dbfs, NUMBER, "dBFS", "", -200, 0, "power of a constant offset; not set: none"),
    ROW(carrier_offset_hz, NUMBER, "Hz", "0", -1e6, 1e6,
        "transmit carriers relative to the receivers' (two oscillators)"),
    ROW(rx_clock_ppm, NUMBER, "ppm", "0", -100, 100,
        "receivers' sample clock and carrier, one oscillator, fast against the transmitters'"),
    ROW(rx_start_us, NUMBER, "us", "0", -50000, 50000,
        "the receivers take their first sample so much after the transmitters' first"),
    ROW(phase_noise_dbc_hz, NUMBER, "dBc/Hz", "", -300, -60,
        "white phase noise on everything received; not set: none"),
    ROW(blf_error_ratio, NUMBER, "", "", 0, 0.5,
        "tag clocks are uniform within +- this; not set: 0.7 of the standard's tolerance"),
    ROW(blf_error_force, BOOL, "", "false", 0, 1,
        "let blf_error_ratio leave the standard's tolerance"),
    ROW(blf_drift_ratio, NUMBER, "", "0.002", 0, 0.1,
        "clock drift over one reply, uniform within +- this"),
    ROW(t1_ratio, NUMBER, "", "0", -1, 1, "when tags answer: -1 at T1min, 0 nominal, 1 at T1max"),
    ROW(t1_jitter_us, NUMBER, "us", "1", 0, 1000,
        "added to that, uniform within +- this, kept inside T1min..T1max"),
    ROW(t2_limit_tpri, NUMBER, "Tpri", "20", 3, 1e6,
        "silence after a reply that sends the tag back to arbitrate"),
    ROW(tag_level_db, NUMBER, "dB", "", -140, 0,
        "half swing of every reply relative to the leak, at receiver 0; not set: from the budget"),
    ROW(tag_angle_deg, NUMBER, "deg", "", -360, 360,
        "angle between the tags' swing and the leak at receiver 0; not set: by seed"),
    ROW(tag_speed_mps, NUMBER, "m/s", "0", -100, 100,
        "radial speed of all tags, towards the reader: turns the replies at 2 v f/c"),
    ROW(fading_doppler_hz, NUMBER, "Hz", "", 0.001, 1000,
        "greatest Doppler of the fading of each tag's path to each receiver; not set: no fading"),
    ROW(fading_k_db, NUMBER, "dB", "10", -100, 60,
        "Rician K of the fading, direct over diffuse power; -100: Rayleigh"),
    ROW(carrier_drift_hz_per_s, NUMBER, "Hz/s", "0", -1e4, 1e4, "drift of carrier_offset_hz"),
    ROW(leak_moving_db, NUMBER, "dB", "", -200, 20,
        "part of the leak off a moving reflector, relative to the leak; not set: none"),
    ROW(leak_moving_hz, NUMBER, "Hz", "10", -1000, 1000, "Doppler of the moving reflector"),
    ROW(leak_swing_hz, NUMBER, "Hz", "", 0.01, 50,
        "the reflector swings to and fro so often, leak_moving_hz at its fastest; not set: steady"),
    ROW(settle_db, NUMBER, "dB", "", -200, 0,
        "tail in the leak after each step of our carrier, relative to the step; not set: none"),
    ROW(settle_us, NUMBER, "us", "20", 0.1, 1e4, "time constant of that tail"),
    ROW(tx_noise_dbc_hz, NUMBER, "dBc/Hz", "", -300, -60,
        "white noise of our carrier, heard alike by all receivers in the leak; not set: none"),
    ROW(iq_image_db, NUMBER, "dB", "", -200, -3,
        "image in every receiver (x + k conj x) relative to the signal; not set: none"),
    ROW(iq_image_phase_deg, NUMBER, "deg", "", -360, 360,
        "phase of the image's k; not set: by seed, receiver by receiver"),
    ROW(channel_gain_db, NUMBER, "dB", "0", -60, 60,
        "analog gain of every further receiver relative to receiver 0"),
    ROW(channel_tag_db, NUMBER, "dB", "0", -60, 60,
        "the tags' swing at every further receiver relative to receiver 0"),
    ROW(other_reader_dbfs, NUMBER, "dBFS", "", -200, 20,
        "carrier of another reader at the receivers; not set: none"),
    ROW(other_reader_offset_hz, NUMBER, "Hz", "200000", -50e6, 50e6,
        "its frequency relative to the receivers' centre, at most half the sample rate"),
    ROW(other_reader_period_us, NUMBER, "us", "", 200, 1e9,
        "from one of its commands to the next; not set: it sends no commands"),
    ROW(other_reader_command_us, NUMBER, "us", "1000", 100, 1e8,
        "length of its commands (PIE, Tari 12.5 us), at most 0.9 of the period"),
    ROW(impulse_rate_per_s, NUMBER, "", "0", 0, 1e6,
        "impulses a second at chance times, 0: none; together at most 0.9 of the time"),
    ROW(impulse_dbfs, NUMBER, "dBFS", "-20", -200, 60, "level of an impulse while it lasts"),
    ROW(impulse_length_us, NUMBER, "us", "1", 0.001, 1e5, "length of an impulse"),
    ROW(burst_dbfs, NUMBER, "dBFS", "", -200, 20,
        "mean power of a burst (GSM, LTE: band-limited noise) while it lasts; not set: none"),
    ROW(burst_offset_hz, NUMBER, "Hz", "0", -50e6, 50e6,
        "its centre relative to the receivers' centre; with half its bandwidth inside the rate"),
    ROW(burst_bandwidth_hz, NUMBER, "Hz", "200000", 1e3, 100e6,
        "3 dB bandwidth of a burst; from 0.9 of the sample rate on it is white"),
    ROW(burst_period_us, NUMBER, "us", "4615.4", 10, 1e9, "from burst to burst"),
    ROW(burst_length_us, NUMBER, "us", "576.9", 10, 1e9,
        "length of a burst, at most the period: that is noise without a pause"),
    EMITTER_ROWS("2", 0),
    EMITTER_ROWS("3", 1),
    {.key = "radio.sim.epc_scheme",
     .kind = OPTION_CHOICE,
     .unit = "",
     .fallback = "sgtin",
     .choices = "sgtin|random",
     .offset = offsetof(struct air_cfg, epc_scheme),
     .meaning = "EPCs: valid SGTIN-96, or random 96 bits"},
    ROW(tag_epc_words, INT, "words", "8", 0, 31, "tags have room for an EPC of so many words"),
    ROW(tag_user_words, INT, "words", "32", 0, AIR_TAG_USER_WORDS_MAX,
        "User memory of each tag, zeros at first"),
    ROW(tag_block_words, INT, "words", "255", 0, 255,
        "BlockWrite and BlockErase take at most so many; 0: none"),
    ROW(tag_xpc, BOOL, "", "false", 0, 0, "tags have XPC_W1 (K, U ... in the PC's lower byte)"),
    ROW(tag_access_password, TEXT, "", "", 0, 0, "access password, 8 hex digits; not set: zero"),
    ROW(tag_kill_password, TEXT, "", "", 0, 0, "kill password, 8 hex digits; not set: zero"),
    ROW(tag_lock, TEXT, "", "", 0, 0,
        "locks at the start, Lock payload of 5 hex digits (20080: access password)"),
    ROW(tag_key, TEXT, "", "", 0, 0,
        "AES-128 key of the tags, 32 hex digits; not set: no crypto suite"),
    ROW(tag_key_id, INT, "", "0", 0, 255, "KeyID of that key"),
    ROW(tag_wrong_key_ratio, NUMBER, "", "0", 0, 1, "share of tags that have another key"),
    ROW(tag_replay_ratio, NUMBER, "", "0", 0, 1,
        "share of tags that repeat an old answer of the right key, whatever the challenge"),
    ROW(tag_write_us, NUMBER, "us", "2000", 0, 20000,
        "from a command that changes memory to the tag's delayed reply"),
    ROW(tag_write_margin_db, NUMBER, "dB", "0", 0, 40,
        "power that writing takes beyond the tag's wake-up level"),
    ROW(tag_crypto_us, NUMBER, "us", "2000", 0, 1e6,
        "a tag's time for a response to Authenticate or Challenge"),
    ROW(tag_security_timeout_ms, NUMBER, "ms", "0", 0, 1000,
        "after a wrong password a tag refuses further ones for so long"),
    ROW(tag_reply_loss_ratio, NUMBER, "", "0", 0, 1,
        "share of replies to access commands that are lost on the way"),
    SCENE_ROWS,
    DEVICE_ROWS,
};

const struct option_table air_options = {
    .title = "simulated air: channel and tags",
    .rows = air_rows,
    .n_rows = sizeof air_rows / sizeof *air_rows,
};
