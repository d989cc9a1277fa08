/* Protobuf on the wire, as far as well-behaved peers use it, without Python.
 *
 * Readers return false for anything out of the ordinary: an unknown or repeated field, a varint that is not the
 * shortest, text that is not UTF-8, a number out of range, a length that does not fit. That is no verdict: who
 * called asks the Python parser, which decides. So what is read here has one meaning only.
 *
 * Writers write what protobuf's own would: fields ascending, shortest varints. Room is the caller's concern:
 * for each put_x there is an x_bytes.
 */

#ifndef OPENMIMC_PROTOBUF_H
#define OPENMIMC_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} reader;

/* A field of bytes or text inside what is read; `data` is NULL where the field is absent. */
typedef struct {
    const uint8_t *data;
    size_t bytes;
} slice;

/* ------------------------------------------------------------------ reading */

static inline bool
read_varint(reader *r, uint64_t *value)
{
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (r->at == r->end) {
            return false;
        }
        uint8_t byte = *r->at++;
        if (shift == 63 && byte > 1) {
            return false;
        }
        result |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = result;
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

static inline bool
read_int64(reader *r, int64_t *value)
{
    uint64_t number;
    if (!read_varint(r, &number)) {
        return false;
    }
    *value = (int64_t)number;
    return true;
}

static inline bool
read_int32(reader *r, int32_t *value)
{
    int64_t number;
    if (!read_int64(r, &number) || number < INT32_MIN || number > INT32_MAX) {
        return false;
    }
    *value = (int32_t)number;
    return true;
}

static inline bool
read_bool(reader *r, bool *value)
{
    uint64_t number;
    if (!read_varint(r, &number) || number > 1) {
        return false;
    }
    *value = number != 0;
    return true;
}

/* A value of an enum with the values 1 to `last`. */
static inline bool
read_enum(reader *r, unsigned last, unsigned *value)
{
    uint64_t number;
    if (!read_varint(r, &number) || number < 1 || number > last) {
        return false;
    }
    *value = (unsigned)number;
    return true;
}

static inline bool
read_bytes(reader *r, slice *value)
{
    uint64_t bytes;
    if (!read_varint(r, &bytes) || bytes > (uint64_t)(r->end - r->at)) {
        return false;
    }
    value->data = r->at;
    value->bytes = (size_t)bytes;
    r->at += bytes;
    return true;
}

static inline bool
is_continuation(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* Whether these bytes are UTF-8 as Python takes it: shortest forms, no surrogates, nothing above U+10FFFF. */
static inline bool
is_utf8(const uint8_t *at, size_t bytes)
{
    const uint8_t *end = at + bytes;
    while (at != end) {
        if (end - at >= 8) {
            uint64_t word;
            memcpy(&word, at, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += 8;
                continue;
            }
        }
        uint8_t lead = *at;
        if (lead < 0x80) {
            at += 1;
        } else if (lead >= 0xC2 && lead <= 0xDF) {
            if (end - at < 2 || !is_continuation(at[1])) {
                return false;
            }
            at += 2;
        } else if ((lead & 0xF0) == 0xE0) {
            if (end - at < 3 || !is_continuation(at[1]) || !is_continuation(at[2])
                || (lead == 0xE0 && at[1] < 0xA0) || (lead == 0xED && at[1] > 0x9F)) {
                return false;
            }
            at += 3;
        } else if (lead >= 0xF0 && lead <= 0xF4) {
            if (end - at < 4 || !is_continuation(at[1]) || !is_continuation(at[2]) || !is_continuation(at[3])
                || (lead == 0xF0 && at[1] < 0x90) || (lead == 0xF4 && at[1] > 0x8F)) {
                return false;
            }
            at += 4;
        } else {
            return false;
        }
    }
    return true;
}

static inline bool
read_text(reader *r, slice *value)
{
    return read_bytes(r, value) && is_utf8(value->data, value->bytes);
}

static inline reader
reader_of(slice data)
{
    /* An absent field reads as an empty message. */
    static const uint8_t nothing[1] = {0};
    const uint8_t *start = data.data == NULL ? nothing : data.data;
    return (reader){start, start + data.bytes};
}

/* Whether the field with this tag comes for the first time; `seen` has a bit for each. */
static inline bool
is_first(uint32_t *seen, uint8_t tag)
{
    uint32_t bit = UINT32_C(1) << (tag >> 3);
    bool first = (*seen & bit) == 0;
    *seen |= bit;
    return first;
}

/* ------------------------------------------------------------------ writing */

static inline size_t
varint_bytes(uint64_t value)
{
    size_t bytes = 1;
    while (value >= 0x80) {
        value >>= 7;
        bytes++;
    }
    return bytes;
}

static inline uint8_t *
put_varint(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

/* A field with a number, its tag one byte. */
static inline size_t
number_bytes(uint64_t value)
{
    return 1 + varint_bytes(value);
}

static inline uint8_t *
put_number(uint8_t *out, uint8_t tag, uint64_t value)
{
    *out++ = tag;
    return put_varint(out, value);
}

/* A field of so many bytes, its tag one byte. */
static inline size_t
delimited_bytes(size_t bytes)
{
    return 1 + varint_bytes(bytes) + bytes;
}

static inline uint8_t *
put_start(uint8_t *out, uint8_t tag, size_t bytes)
{
    return put_number(out, tag, bytes);
}

static inline uint8_t *
put_raw(uint8_t *out, const void *data, size_t bytes)
{
    memcpy(out, data, bytes);
    return out + bytes;
}

static inline uint8_t *
put_delimited(uint8_t *out, uint8_t tag, slice value)
{
    out = put_start(out, tag, value.bytes);
    return put_raw(out, value.data, value.bytes);
}

#endif
