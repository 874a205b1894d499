// SPDX-License-Identifier: Apache-2.0
// Inspections of image models, and of jobs on them.
#include "formats/inspect/inspections.h"
#include "formats/weights/efficientnet_plan.h"
#include "gmock/gmock.h"
#include "tests/formats/images/encode.h"
#include "tests/formats/tar_file.h"
#include "tests/formats/tiny_model.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::HasSubstr;

constexpr char kConfig[] = R"({
  "architecture": "tf_efficientnet_lite0", "num_classes": 2, "label_names": ["cat", "dog"],
  "pretrained_cfg": {"input_size": [3, 64, 64], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
})";

void WriteLite0(const TempFolder& folder) {
  folder.Write("config.json", kConfig);
  std::vector<TinyTensor> tensors;
  const auto add = [&tensors](const std::string& name, const std::vector<int64_t>& shape) {
    size_t elements = 1;
    for (const int64_t size : shape) elements *= static_cast<size_t>(size);
    tensors.push_back({name, shape, std::vector<float>(elements, 0.25F)});
  };
  for (const PlannedTensor& tensor : TensorsOf(*EfficientNetPlanOf("tf_efficientnet_lite0"))) {
    add(tensor.name, tensor.shape);
  }
  add("classifier.weight", {2, 1280});
  add("classifier.bias", {2});
  WriteTensors(folder.Path("model.safetensors"), tensors);
}

class ImageInspectionsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = new TempFolder();
    WriteLite0(*model_);
  }
  static void TearDownTestSuite() { delete model_; }

  DatasetSpec Data(const TarFile& tar) {
    return {data_.Write(std::to_string(++files_), tar.Finished()), "images", {}, ""};
  }
  JobRequest Job(const TarFile& train) {
    JobRequest job;
    job.task = "image_classification";
    job.model_dir = model_->path();
    job.train = Data(train);
    job.labels = {"cat", "dog"};
    return job;
  }
  JobReport Report(const JobRequest& job) {
    const auto report = InspectJob(job);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(JobReport());
  }
  std::string FirstProblem(const JobRequest& job) {
    const JobReport report = Report(job);
    return report.problems.empty() ? "" : ToText(report.problems.first()[0]);
  }
  // A picture of its own for each number.
  static std::string Picture(int number) {
    Image image = Slope(8, 6);
    image.rgb[0] = static_cast<uint8_t>(number);
    return EncodePng(image);
  }
  static TempFolder* model_;
  TempFolder data_;
  int files_ = 0;
};
TempFolder* ImageInspectionsTest::model_ = nullptr;

TEST_F(ImageInspectionsTest, ModelReportHasItsFacts) {
  const ModelReport report = InspectModel(model_->path());
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.model_type, "efficientnet_lite");
  EXPECT_EQ(report.architecture, "tf_efficientnet_lite0");
  EXPECT_EQ(report.image_size, 64);
  EXPECT_GT(report.parameters, 3'000'000);
  EXPECT_EQ(report.max_length, 0);
  EXPECT_THAT(report.labels, ElementsAre("cat", "dog"));
}

TEST_F(ImageInspectionsTest, JobReportCountsLabelsAndTellsWhatSetsShare) {
  JobRequest job = Job(TarFile().Add("cat/1.png", Picture(1)).Add("dog/2.png", Picture(2)));
  job.test = Data(TarFile().Add("cat/0.png", Picture(3)).Add("dog/9.png", Picture(1)));
  const JobReport report = Report(job);
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.image_size, 64);
  EXPECT_EQ(report.sets.at("train").rows.rows, 2);
  EXPECT_THAT(report.sets.at("train").labels.classes,
              ElementsAre(FieldsAre("cat", 1, 1), FieldsAre("dog", 1, 2)));
  ASSERT_EQ(report.overlaps.size(), 1u);
  EXPECT_THAT(report.overlaps[0].first_lines, ElementsAre(std::pair(1, 2)));
  ASSERT_TRUE(report.memory.has_value());
  EXPECT_GT(report.memory->total(), int64_t{200} << 20);
}

TEST_F(ImageInspectionsTest, JobReportHoldsOutImagesByTheirContent) {
  TarFile train;
  for (int i = 0; i < 100; ++i) {
    train.Add("cat/" + std::to_string(i) + ".png", Picture(i));
    train.Add("dog/" + std::to_string(i) + ".png", Picture(i));
  }
  JobRequest job = Job(train);
  job.eval_fraction = 0.5;
  const JobReport report = Report(job);
  const SetReport& eval = report.sets.at("eval");
  EXPECT_TRUE(eval.held_out);
  EXPECT_EQ(report.sets.at("train").rows.rows + eval.rows.rows, 200);
  EXPECT_GT(eval.rows.rows, 60);
  EXPECT_EQ(eval.rows.rows % 2, 0);  // both copies of a picture
  EXPECT_TRUE(report.overlaps.empty());
}

TEST_F(ImageInspectionsTest, JobReportNamesSetAndImageOfWhatIsWrong) {
  JobRequest job = Job(TarFile().Add("cat/1.png", Picture(1)).Add("fox/2.png", Picture(2)));
  EXPECT_EQ(FirstProblem(job),
            "train: fox/2.png: label 'fox' is not among the labels: cat, dog. Correct the row, or "
            "add the label to the job.");
  job = Job(TarFile().Add("cat/1.png", "GIF89a").Add("dog/2.png", Picture(2)));
  EXPECT_THAT(FirstProblem(job), HasSubstr("train: cat/1.png: expected a JPEG or PNG image"));
}

TEST_F(ImageInspectionsTest, JobReportRefusesSettingsThatDoNotFit) {
  const TarFile tar = TarFile().Add("cat/1.png", Picture(1)).Add("dog/2.png", Picture(2));
  JobRequest job = Job(tar);
  job.image.size = 2000;
  EXPECT_THAT(FirstProblem(job), HasSubstr("image_size must be from 32 to 1024, got 2000"));
  job = Job(tar);
  job.method = "lora";
  EXPECT_THAT(FirstProblem(job), HasSubstr("method lora is for models of texts"));
  job = Job(tar);
  job.task = "text_classification";
  EXPECT_THAT(FirstProblem(job), HasSubstr("model: this is a model of images, and the task is"));
  job = Job(tar);
  job.train = {data_.Write("t.csv", "text,label\na,cat\n"), "csv", {"text"}, "label"};
  EXPECT_THAT(FirstProblem(job), HasSubstr("train: the dataset is one of texts, and the task is"));
  TempFolder text_model;
  WriteTinyModel(text_model);
  job = Job(tar);
  job.model_dir = text_model.path();
  EXPECT_THAT(FirstProblem(job), HasSubstr("model"));
}

TEST_F(ImageInspectionsTest, EvaluateHoldsTheLabelsAgainstTheModels) {
  JobRequest job = Job(TarFile());
  job.work = "evaluate";
  job.train.reset();
  job.labels = {};
  job.test = Data(TarFile().Add("dog/1.png", Picture(1)).Add("cat/1.png", Picture(2)));
  const JobReport report = Report(job);
  EXPECT_TRUE(report.problems.empty());
  EXPECT_THAT(report.model_labels, ElementsAre("cat", "dog"));
  job.test = Data(TarFile().Add("dog/1.png", Picture(1)).Add("fox/1.png", Picture(2)));
  EXPECT_THAT(FirstProblem(job), HasSubstr("test: fox/1.png: label 'fox' is not among the labels"));
  job.work = "predict";
  job.test->label_kind = "none";
  EXPECT_EQ(FirstProblem(job), "");
}

}  // namespace
}  // namespace attune
