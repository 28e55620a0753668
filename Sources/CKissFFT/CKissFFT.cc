#include "CKissFFT.h"

#include <cmath>
#include <complex>
#include <cstdint>
#include <kissfft/kissfft.hh>

// Fused operations round otherwise than separate ones, and not every machine has them.
#pragma STDC FP_CONTRACT OFF
// How vectors are passed matters between files alone; none leave this one.
#pragma clang diagnostic ignored "-Wpsabi"

namespace {

// Eight floats in the place of one.
//
// What the template needs beyond arithmetic it needs to compute its factors, which are the same in
// every lane: those operations look at the first lane alone, in double precision.
struct Lanes {
    typedef float Vector __attribute__((vector_size(CKISSFFT_LANES * sizeof(float))));

    Vector values;

    Lanes() = default;
    Lanes(float value) : values(Vector{} + value) {}
    Lanes(Vector values) : values(values) {}

    operator double() const {
        return values[0];
    }

    Lanes& operator+=(Lanes other) {
        values += other.values;
        return *this;
    }
    Lanes& operator-=(Lanes other) {
        values -= other.values;
        return *this;
    }
    Lanes& operator*=(Lanes other) {
        values *= other.values;
        return *this;
    }
};

Lanes operator+(Lanes one, Lanes other) {
    return one.values + other.values;
}
Lanes operator-(Lanes one, Lanes other) {
    return one.values - other.values;
}
Lanes operator*(Lanes one, Lanes other) {
    return one.values * other.values;
}
Lanes operator*(std::size_t one, Lanes other) {
    return float(one) * other.values;
}
Lanes operator/(Lanes one, std::size_t other) {
    return one.values / float(other);
}
Lanes operator-(Lanes value) {
    return -value.values;
}

Lanes cos(Lanes value) {
    return float(std::cos(double(value)));
}
Lanes sin(Lanes value) {
    return float(std::sin(double(value)));
}
Lanes exp(Lanes value) {
    return float(std::exp(double(value)));
}

}  // namespace

struct ckissfft_transform {
    // Of half the length: a real transform is a complex one of pairs of samples.
    kissfft<Lanes> half;
};

ckissfft_transform* ckissfft_create(size_t length) {
    return new ckissfft_transform{kissfft<Lanes>(length / 2, false)};
}

void ckissfft_destroy(ckissfft_transform* transform) {
    delete transform;
}

void ckissfft_run(const ckissfft_transform* transform, const float* samples, float* spectrum) {
    transform->half.transform_real(reinterpret_cast<const Lanes*>(samples),
                                   reinterpret_cast<std::complex<Lanes>*>(spectrum));
}
