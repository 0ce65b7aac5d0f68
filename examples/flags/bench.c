/* Frozen: five small kernels, repeated, and one line that proves that they were computed.

   The integer kernels are exact. The dot product is printed to five digits, so that adding in another order is allowed.
   The fourth kernel counts values that are not numbers: flags that promise "there are none" break it. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 4096, SIDE = 96, ROUNDS = 1500 };

static double left[SIZE], right[SIZE], holes[SIZE];
static int32_t first[SIDE][SIDE], second[SIDE][SIDE], product[SIDE][SIDE];
static unsigned char bytes[SIZE], sieve[1 << 16];

static uint32_t draw(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void fill(void) {
    uint32_t state = 42;
    for (int i = 0; i < SIZE; i++) {
        left[i] = draw(&state) / 16777216.0;
        right[i] = draw(&state) / 16777216.0;
        holes[i] = draw(&state) % 7 == 0 ? NAN : left[i];
        bytes[i] = (unsigned char)draw(&state);
    }
    for (int i = 0; i < SIDE * SIDE; i++) {
        first[i / SIDE][i % SIDE] = (int32_t)(draw(&state) % 100);
        second[i / SIDE][i % SIDE] = (int32_t)(draw(&state) % 100);
    }
}

static double dot(void) {
    double sum = 0;
    for (int i = 0; i < SIZE; i++) sum += left[i] * right[i];
    return sum;
}

static uint32_t multiply(void) {
    uint32_t trace = 0;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            int32_t sum = 0;
            for (int k = 0; k < SIDE; k++) sum += first[i][k] * second[k][j];
            product[i][j] = sum;
        }
    for (int i = 0; i < SIDE; i++) trace += (uint32_t)product[i][i];
    return trace;
}

static uint32_t fold(void) {
    uint32_t sum = 0;
    for (int i = 0; i < SIZE; i++) sum += (uint32_t)bytes[i] * bytes[(i + 1) % SIZE];
    return sum;
}

static uint32_t count_holes(void) {
    uint32_t count = 0;
    for (int i = 0; i < SIZE; i++) count += isnan(holes[i]) ? 1 : 0;
    return count;
}

static uint32_t primes(void) {
    uint32_t count = 0;
    memset(sieve, 0, sizeof sieve);
    for (uint32_t i = 2; i < sizeof sieve; i++) {
        if (sieve[i]) continue;
        count++;
        for (uint32_t j = i + i; j < sizeof sieve; j += i) sieve[j] = 1;
    }
    return count;
}

int main(void) {
    uint32_t hash = 2166136261u;
    double sum = 0;
    fill();
    for (int round = 0; round < ROUNDS; round++) {
        left[round] += 0.001;
        first[round % SIDE][0] += 1;
        bytes[round] ^= 0x5a;
        sum += dot();
        uint32_t parts[] = {round % 8 ? 0 : multiply(), fold(), count_holes(), round % 16 ? 0 : primes()};
        for (int part = 0; part < 4; part++) hash = (hash ^ parts[part]) * 16777619u;
    }
    printf("%08x %.5g\n", hash, sum);
    return 0;
}
