/* tid.c - TID words: one row per designer, one per chip. */
#include "protocol/tid.h"

#include <stdio.h>
#include <string.h>

#include "config/require.h"
#include "protocol/bits.h"

#define CLASS_GS1 0xE2
#define XTID_AT 2 /* word of the XTID header; the serial number follows */
#define SERIAL_BITS_MIN 48

struct designer_row {
    uint16_t mdid;
    const char *name;
};

static const struct designer_row designer_rows[] = {
    {0x001, "Impinj"},
    {0x002, "Texas Instruments"},
    {0x003, "Alien Technology"},
    {0x004, "Intelleflex"},
    {0x005, "Atmel"},
    {0x006, "NXP"},
    {0x007, "STMicroelectronics"},
    {0x008, "EP Microelectronics"},
    {0x009, "Motorola"},
    {0x00A, "Sentech"},
    {0x00B, "EM Microelectronic"},
    {0x00C, "Renesas"},
    {0x00F, "Quanray"},
    {0x010, "Fujitsu"},
    {0x015, "ON Semiconductor"},
    {0x017, "Tego"},
    {0x018, "Ceitec"},
    {0x01C, "Invengo"},
    {0x01D, "Kiloway"},
    {0x024, "Axzon"},
    {0x027, "Shanghai Fudan"},
    {0x02F, "ams"},
    {0x033, "Lapis"},
    {0x03A, "Asygn"},
    {0x03E, "MaxWave"},
    {0x043, "T-Head"},
    {0x046, "Along Star"},
};

struct chip_row {
    uint16_t mdid;
    uint16_t tmn_first, tmn_last;
    const char *name;
};

static const struct chip_row chip_rows[] = {
    {0x001, 0x100, 0x100, "Impinj Monza 4D"},
    {0x001, 0x105, 0x105, "Impinj Monza 4QT"},
    {0x001, 0x10C, 0x10C, "Impinj Monza 4E"},
    {0x001, 0x130, 0x130, "Impinj Monza 5"},
    {0x001, 0x140, 0x140, "Impinj Monza X-2K"},
    {0x001, 0x150, 0x150, "Impinj Monza X-8K"},
    {0x001, 0x160, 0x160, "Impinj Monza R6"},
    {0x001, 0x170, 0x170, "Impinj Monza R6-P"},
    {0x001, 0x171, 0x171, "Impinj Monza R6-A/R6-B"},
    {0x001, 0x190, 0x190, "Impinj M750"},
    {0x001, 0x191, 0x191, "Impinj M730"},
    {0x001, 0x1A0, 0x1A0, "Impinj M770"},
    {0x001, 0x1A2, 0x1A2, "Impinj M775"},
    {0x001, 0x1B0, 0x1B0, "Impinj M830/M850"},
    {0x001, 0x1C0, 0x1C0, "Impinj M780"},
    {0x001, 0x1C1, 0x1C1, "Impinj M781"},
    {0x003, 0x411, 0x411, "Alien Higgs-2"},
    {0x003, 0x412, 0x412, "Alien Higgs-3"},
    {0x003, 0x414, 0x414, "Alien Higgs-4"},
    {0x003, 0x811, 0x811, "Alien Higgs-EC"},
    {0x003, 0x813, 0x813, "Alien Higgs-10"},
    {0x003, 0x821, 0x821, "Alien Higgs-9"},
    {0x006, 0x003, 0x003, "NXP UCODE G2XM"},
    {0x006, 0x004, 0x004, "NXP UCODE G2XL"},
    {0x006, 0x806, 0x806, "NXP UCODE G2iL"},
    {0x006, 0x807, 0x807, "NXP UCODE G2iL+"},
    {0x006, 0x80A, 0x80A, "NXP UCODE G2iM"},
    {0x006, 0x80B, 0x80B, "NXP UCODE G2iM+"},
    {0x006, 0x810, 0x810, "NXP UCODE 7"},
    {0x006, 0x890, 0x890, "NXP UCODE 7"},
    {0x006, 0x811, 0x811, "NXP UCODE 7m"},
    {0x006, 0x891, 0x891, "NXP UCODE 7m"},
    {0x006, 0xD12, 0xD12, "NXP UCODE 7xm-1k"},
    {0x006, 0xF12, 0xF12, "NXP UCODE 7xm-2k"},
    {0x006, 0x894, 0x894, "NXP UCODE 8"},
    {0x006, 0x994, 0x994, "NXP UCODE 8m"},
    {0x006, 0x915, 0x915, "NXP UCODE 9"},
    {0x006, 0x995, 0x995, "NXP UCODE 9"},
    {0x006, 0x892, 0x892, "NXP UCODE DNA"},
    {0x006, 0xF92, 0xF92, "NXP UCODE DNA"},
    {0x006, 0xC12, 0xC12, "NXP UCODE DNA Track"},
    {0x007, 0x240, 0x240, "ST XRAG2"},
    {0x00B, 0x000, 0x003, "EM4324"},
    {0x00B, 0x040, 0x04F, "EM4325"},
    {0x00B, 0x080, 0x08F, "EM4124"},
    {0x00B, 0x0C0, 0x0C7, "EM4126"},
};

enum status tid_parse(const uint16_t *word, size_t n_words, struct tid *tid)
{
    require(word || n_words == 0);
    require(tid);
    memset(tid, 0, sizeof *tid);
    if (n_words < 2) {
        return status_fail(ST_SHORT, "TID of %zu words, at least 2", n_words);
    }
    tid->class_id = (uint8_t)(word[0] >> 8);
    if (tid->class_id != CLASS_GS1) {
        return status_fail(ST_FORMAT, "TID class %02Xh, known is %02Xh", tid->class_id, CLASS_GS1);
    }
    tid->has_xtid = word[0] & 0x80u;
    tid->has_security = word[0] & 0x40u;
    tid->has_file = word[0] & 0x20u;
    tid->mdid = (uint16_t)((word[0] & 0x1Fu) << 4 | word[1] >> 12);
    tid->tmn = word[1] & 0xFFFu;
    if (!tid->has_xtid || n_words <= XTID_AT) {
        return ST_OK;
    }
    tid->xtid_header = word[XTID_AT];
    const size_t code = tid->xtid_header >> 13;
    tid->n_serial_bits = code > 0 ? SERIAL_BITS_MIN + 16 * (code - 1) : 0;
    const size_t n_serial_words = tid->n_serial_bits / 16;
    tid->serial_known = code > 0 && n_words >= XTID_AT + 1 + n_serial_words;
    for (size_t i = 0; tid->serial_known && i < n_serial_words; i++) {
        tid->serial[2 * i] = (uint8_t)(word[XTID_AT + 1 + i] >> 8);
        tid->serial[2 * i + 1] = (uint8_t)word[XTID_AT + 1 + i];
    }
    return ST_OK;
}

size_t tid_n_words(const struct tid *tid, size_t n_words)
{
    require(tid);
    if (!tid->has_xtid) {
        return XTID_AT;
    }
    return XTID_AT + 1 + (n_words > XTID_AT ? tid->n_serial_bits / 16 : 0);
}

const char *tid_designer(const struct tid *tid)
{
    require(tid);
    for (size_t i = 0; i < sizeof designer_rows / sizeof *designer_rows; i++) {
        if (tid->class_id == CLASS_GS1 && designer_rows[i].mdid == tid->mdid) {
            return designer_rows[i].name;
        }
    }
    return NULL;
}

const char *tid_chip(const struct tid *tid)
{
    require(tid);
    for (size_t i = 0; i < sizeof chip_rows / sizeof *chip_rows; i++) {
        const struct chip_row *row = &chip_rows[i];
        if (tid->class_id == CLASS_GS1 && row->mdid == tid->mdid && tid->tmn >= row->tmn_first &&
            tid->tmn <= row->tmn_last) {
            return row->name;
        }
    }
    return NULL;
}

enum status tid_uri(const struct tid *tid, char uri[TID_URI_MAX])
{
    require(tid);
    require(uri);
    uri[0] = '\0';
    if (!tid->serial_known) {
        return status_fail(ST_NOT_FOUND, "TID without serial number");
    }
    char serial[2 * TID_SERIAL_BYTES_MAX + 1];
    bits_to_hex(tid->serial, tid->n_serial_bits / 8, serial);
    snprintf(uri, TID_URI_MAX, "urn:epc:stid:x%03X.x%03X.x%s", (unsigned)tid->mdid,
             (unsigned)tid->tmn, serial);
    return ST_OK;
}
