/*
 * Random numbers that a seed repeats: every choice of a run comes from here, so that a number on
 * the command line brings a failure back.
 */
#ifndef AT_DIFFERENTIAL_RANDOM_H
#define AT_DIFFERENTIAL_RANDOM_H

#include <cstdint>
#include <cstdlib>

namespace differential
{

/* splitmix64: all seeds are good, also neighbouring ones. */
inline uint64_t mix(uint64_t z)
{
    z += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

class Random
{
  public:
    explicit Random(uint64_t seed) : state_(mix(seed))
    {
    }
    uint64_t next()
    {
        return mix(state_ += 0x632BE59BD9B4E019U);
    }
    /* 0 … n - 1; n > 0. */
    uint64_t below(uint64_t n)
    {
        return next() % n;
    }
    /* low … high, both included. */
    int64_t between(int64_t low, int64_t high)
    {
        return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low) + 1));
    }
    bool chance(unsigned percent)
    {
        return below(100) < percent;
    }
    template <typename T, size_t N> const T &pick(const T (&from)[N])
    {
        return from[below(N)];
    }
    template <typename List> auto pick_of(const List &from) -> decltype(from[0])
    {
        return from[below(from.size())];
    }

  private:
    uint64_t state_;
};

} // namespace differential

#endif
