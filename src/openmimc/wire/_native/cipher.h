/* RC4 and Adler-32, without Python.
 *
 * Source: protocol reference, 3.1 to 3.3.
 */

#ifndef OPENMIMC_CIPHER_H
#define OPENMIMC_CIPHER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* RC4 reads no more of a key than this. */
#define MAX_KEY_BYTES 256

typedef struct {
    uint8_t i, j;
    uint8_t s[256];
} rc4_state;

/* Start the cipher; `key_bytes` is 1 to MAX_KEY_BYTES. */
static inline void
rc4_start(rc4_state *state, const uint8_t *key, size_t key_bytes)
{
    uint8_t *s = state->s;
    for (unsigned i = 0; i < 256; i++) {
        s[i] = (uint8_t)i;
    }
    unsigned j = 0;
    size_t k = 0;
    for (unsigned i = 0; i < 256; i++) {
        uint8_t value = s[i];
        j = (j + value + key[k]) & 0xFF;
        s[i] = s[j];
        s[j] = value;
        if (++k == key_bytes) {
            k = 0;
        }
    }
    state->i = state->j = 0;
}

/* Encrypt or decrypt the next bytes; `in` and `out` may be the same. */
static inline void
rc4_apply(rc4_state *state, const uint8_t *in, uint8_t *out, size_t bytes)
{
    uint8_t *s = state->s;
    unsigned i = state->i, j = state->j;
    for (size_t at = 0; at < bytes; at++) {
        i = (i + 1) & 0xFF;
        unsigned a = s[i];
        j = (j + a) & 0xFF;
        unsigned b = s[j];
        s[i] = (uint8_t)b;
        s[j] = (uint8_t)a;
        out[at] = in[at] ^ s[(a + b) & 0xFF];
    }
    state->i = (uint8_t)i;
    state->j = (uint8_t)j;
}

static inline void
xor_bytes(const uint8_t *in, const uint8_t *stream, uint8_t *out, size_t bytes)
{
    for (size_t at = 0; at < bytes; at++) {
        out[at] = in[at] ^ stream[at];
    }
}

/* The 32-bit checksum of RFC 1950. */
static inline uint32_t
adler32_of(const uint8_t *data, size_t bytes)
{
    enum {
        MODULUS = 65521,
        BLOCK = 32,
        /* So many blocks fit into 32 bits before the sums have to be reduced (5552 bytes). */
        BLOCKS = 173,
    };
    uint32_t a = 1, b = 0;
    while (bytes >= BLOCK) {
        size_t blocks = bytes / BLOCK;
        if (blocks > BLOCKS) {
            blocks = BLOCKS;
        }
        bytes -= blocks * BLOCK;
        for (; blocks != 0; blocks--) {
            /* In this form, and not byte by byte, compilers make vector code of it. */
            uint32_t sum = 0, weighted = 0;
            for (uint32_t at = 0; at < BLOCK; at++) {
                sum += data[at];
                weighted += (BLOCK - at) * data[at];
            }
            b += BLOCK * a + weighted;
            a += sum;
            data += BLOCK;
        }
        a %= MODULUS;
        b %= MODULUS;
    }
    for (; bytes != 0; bytes--) {
        a += *data++;
        b += a;
    }
    return (b % MODULUS) << 16 | a % MODULUS;
}

#endif
