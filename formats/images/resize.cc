// SPDX-License-Identifier: Apache-2.0
#include "formats/images/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace attune {
namespace {

constexpr int64_t kChannels = 3;
// Fraction bits of a weight: a sum of 8-bit samples keeps two bits for what overshoots.
constexpr int kFraction = 32 - 8 - 2;
constexpr int32_t kHalf = int32_t{1} << (kFraction - 1);

double Weight(ResizeFilter filter, double x) {
  x = std::abs(x);
  if (filter == ResizeFilter::kBilinear) return x < 1 ? 1 - x : 0;
  // Cubic convolution (Keys 1981).
  constexpr double a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

double Reach(ResizeFilter filter) { return filter == ResizeFilter::kBilinear ? 1 : 2; }

// How one axis is resampled: output i is the weighted sum of input first[i], first[i] + 1, ….
struct Axis {
  std::vector<int64_t> first, count;  // by output
  std::vector<int32_t> weights;       // `stride` an output, of which count are used
  int64_t stride = 0;

  int64_t outputs() const { return static_cast<int64_t>(first.size()); }
  const int32_t* WeightsOf(int64_t output) const { return weights.data() + output * stride; }
  // The inputs that are used at all.
  int64_t begin() const { return first.front(); }
  int64_t end() const { return first.back() + count.back(); }
};

int32_t FixedPoint(double weight) {
  const double scaled = weight * (int32_t{1} << kFraction);
  return static_cast<int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

// Nothing is done to an axis that stays as it is, though a filter would.
Axis Identity(int64_t skipped, int64_t wanted) {
  Axis axis;
  axis.stride = 1;
  axis.count.assign(static_cast<size_t>(wanted), 1);
  axis.weights.assign(static_cast<size_t>(wanted), FixedPoint(1));
  for (int64_t i = 0; i < wanted; ++i) axis.first.push_back(skipped + i);
  return axis;
}

// [from, to) of `inputs` samples becomes `outputs`, of which `wanted` after `skipped` are planned.
Axis PlanAxis(int64_t inputs, float from, float to, int64_t outputs, int64_t skipped,
              int64_t wanted, ResizeFilter filter) {
  if (from == 0 && to == static_cast<float>(outputs) && inputs == outputs) {
    return Identity(skipped, wanted);
  }
  const double scale = static_cast<double>(to - from) / static_cast<double>(outputs);
  const double stretch = std::max(scale, 1.0);
  const double reach = Reach(filter) * stretch;
  Axis axis;
  axis.stride = static_cast<int64_t>(std::ceil(reach)) * 2 + 1;
  axis.weights.resize(static_cast<size_t>(wanted * axis.stride));
  std::vector<double> exact(static_cast<size_t>(axis.stride));
  for (int64_t i = 0; i < wanted; ++i) {
    const double center = from + (static_cast<double>(skipped + i) + 0.5) * scale;
    const auto begin = std::max<int64_t>(static_cast<int64_t>(center - reach + 0.5), 0);
    const auto end = std::min<int64_t>(static_cast<int64_t>(center + reach + 0.5), inputs);
    double sum = 0;
    for (int64_t x = begin; x < end; ++x) {
      const double weight =
          Weight(filter, (static_cast<double>(x) - center + 0.5) * (1.0 / stretch));
      exact[static_cast<size_t>(x - begin)] = weight;
      sum += weight;
    }
    axis.first.push_back(begin);
    axis.count.push_back(end - begin);
    for (int64_t x = 0; x < end - begin; ++x) {
      const double weight = exact[static_cast<size_t>(x)];
      axis.weights[static_cast<size_t>(i * axis.stride + x)] =
          FixedPoint(sum != 0 ? weight / sum : weight);
    }
  }
  return axis;
}

uint8_t Rounded(int32_t sum) {
  return static_cast<uint8_t>(std::clamp<int32_t>(sum >> kFraction, 0, 255));
}

void ResampleRow(const uint8_t* row, const Axis& axis, uint8_t* out) {
  for (int64_t i = 0; i < axis.outputs(); ++i) {
    const int32_t* weights = axis.WeightsOf(i);
    const uint8_t* pixel = row + kChannels * axis.first[static_cast<size_t>(i)];
    int32_t red = kHalf, green = kHalf, blue = kHalf;
    for (int64_t x = 0; x < axis.count[static_cast<size_t>(i)]; ++x, pixel += kChannels) {
      red += pixel[0] * weights[x];
      green += pixel[1] * weights[x];
      blue += pixel[2] * weights[x];
    }
    *out++ = Rounded(red);
    *out++ = Rounded(green);
    *out++ = Rounded(blue);
  }
}

// Rows [first, end) of the image, resampled across.
Image ResampleAcross(const Image& image, const Axis& axis, int64_t first, int64_t end) {
  Image result{axis.outputs(), end - first, {}};
  const int64_t row_bytes = kChannels * result.width;
  result.rgb.resize(static_cast<size_t>(result.height * row_bytes));
  for (int64_t y = first; y < end; ++y) {
    ResampleRow(image.rgb.data() + kChannels * image.width * y, axis,
                result.rgb.data() + (y - first) * row_bytes);
  }
  return result;
}

// Columns [first, end), resampled down; row after row, so that the inner loop runs over memory as
// it lies.
Image ResampleDown(const Image& image, const Axis& axis, int64_t first, int64_t end) {
  Image result{end - first, axis.outputs(), {}};
  const int64_t row_bytes = kChannels * result.width;
  result.rgb.resize(static_cast<size_t>(result.height * row_bytes));
  std::vector<int32_t> sums(static_cast<size_t>(row_bytes));
  uint8_t* out = result.rgb.data();
  for (int64_t i = 0; i < axis.outputs(); ++i, out += row_bytes) {
    std::fill(sums.begin(), sums.end(), kHalf);
    const int32_t* weights = axis.WeightsOf(i);
    const int64_t top = axis.first[static_cast<size_t>(i)];
    const uint8_t* row = image.rgb.data() + kChannels * (image.width * top + first);
    for (int64_t y = 0; y < axis.count[static_cast<size_t>(i)]; ++y) {
      const int32_t weight = weights[y];
      for (int64_t x = 0; x < row_bytes; ++x) sums[static_cast<size_t>(x)] += row[x] * weight;
      row += kChannels * image.width;
    }
    for (int64_t x = 0; x < row_bytes; ++x) out[x] = Rounded(sums[static_cast<size_t>(x)]);
  }
  return result;
}

// The axis of a part of the inputs that begins with the first that it uses.
Axis OfItsPart(Axis axis) {
  const int64_t begin = axis.begin();
  for (int64_t& first : axis.first) first -= begin;
  return axis;
}

}  // namespace

Image Resize(const Image& image, const ImageBox& box, int64_t width, int64_t height,
             ResizeFilter filter) {
  return ResizeWindow(image, box, width, height, {0, 0, width, height}, filter);
}

Image ResizeWindow(const Image& image, const ImageBox& box, int64_t width, int64_t height,
                   const PixelWindow& window, ResizeFilter filter) {
  const Axis across =
      PlanAxis(image.width, static_cast<float>(box.left), static_cast<float>(box.right), width,
               window.left, window.width, filter);
  const Axis down =
      PlanAxis(image.height, static_cast<float>(box.top), static_cast<float>(box.bottom), height,
               window.top, window.height, filter);
  // The pass that throws more away goes first; where the rounding between them falls depends on it.
  const bool down_first =
      height < image.height && image.height - height > 2 * (image.width - width);
  if (down_first) {
    const Image columns = ResampleDown(image, down, across.begin(), across.end());
    return ResampleAcross(columns, OfItsPart(across), 0, columns.height);
  }
  const Image rows = ResampleAcross(image, across, down.begin(), down.end());
  return ResampleDown(rows, OfItsPart(down), 0, rows.width);
}

}  // namespace attune
