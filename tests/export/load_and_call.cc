// Loads a SavedModel as TensorFlow Serving does and calls a signature with one input.
//
//   load_and_call FOLDER SIGNATURE TENSOR_PROTO_FILE
//
// Prints a line an output: its name, then its values. Anything that fails is told on stderr.
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/framework/tensor.pb.h"

namespace {

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status << std::endl;
  std::exit(1);
}

tensorflow::Tensor Read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  tensorflow::TensorProto proto;
  tensorflow::Tensor tensor;
  if (!proto.ParseFromString(content.str()) || !tensor.FromProto(proto)) {
    std::cerr << path << " holds no tensor" << std::endl;
    std::exit(2);
  }
  return tensor;
}

void Print(const std::string& name, const tensorflow::Tensor& tensor) {
  std::cout << name;
  std::cout.precision(9);
  for (int64_t i = 0; i < tensor.NumElements(); ++i) {
    if (tensor.dtype() == tensorflow::DT_STRING) {
      std::cout << ' ' << std::string(tensor.flat<tensorflow::tstring>()(i));
    } else {
      std::cout << ' ' << tensor.flat<float>()(i);
    }
  }
  std::cout << std::endl;
}

}  // namespace

int main(int, char** arguments) {
  tensorflow::SavedModelBundle bundle;
  Require(tensorflow::LoadSavedModel({}, {}, arguments[1], {"serve"}, &bundle));
  const auto& signatures = bundle.GetSignatures();
  const auto found = signatures.find(arguments[2]);
  if (found == signatures.end()) {
    std::cerr << "no signature " << arguments[2] << std::endl;
    return 3;
  }
  const auto& signature = found->second;
  std::vector<std::string> names, tensors;
  for (const auto& [name, info] : signature.outputs()) {
    names.push_back(name);
    tensors.push_back(info.name());
  }
  std::vector<tensorflow::Tensor> outputs;
  Require(bundle.GetSession()->Run(
      {{signature.inputs().begin()->second.name(), Read(arguments[3])}}, tensors, {}, &outputs));
  for (size_t i = 0; i < names.size(); ++i) Print(names[i], outputs[i]);
  return 0;
}
