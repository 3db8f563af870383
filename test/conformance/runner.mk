# The conformance runner from protobuf's source, linked with Debian's libprotobuf. test/conformance/run
# calls this inside of the build folder: make -f runner.mk SOURCE=…/protobuf-3.21.12
CXX ?= g++
# Headers that Debian's package leaves out (stringprintf.h) come from the source, behind all others.
CXXFLAGS = -O0 -std=c++17 -w -I. -I$(SOURCE)/conformance -idirafter $(SOURCE)/src
SUITE = conformance_test_runner conformance_test binary_json_conformance_suite \
    text_format_conformance_suite third_party/jsoncpp/jsoncpp
PROTOS = conformance google/protobuf/test_messages_proto2 google/protobuf/test_messages_proto3
OBJECTS = runner_main.o $(SUITE:%=suite/%.o) $(PROTOS:%=%.pb.o)

runner: $(OBJECTS)
	$(CXX) -o $@ $^ -lprotobuf -lpthread

$(OBJECTS): $(PROTOS:%=%.pb.h)

runner_main.o: $(HERE)/runner_main.cc
	$(CXX) $(CXXFLAGS) -c -o $@ $<
suite/%.o: $(SOURCE)/conformance/%.cc
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -c -o $@ $<
suite/%.o: $(SOURCE)/conformance/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -c -o $@ $<
%.pb.o: %.pb.cc
	$(CXX) $(CXXFLAGS) -c -o $@ $<

conformance.pb.h: $(SOURCE)/conformance/conformance.proto
	protoc -I $(SOURCE)/conformance --cpp_out=. $<
google/protobuf/%.pb.h: $(SOURCE)/src/google/protobuf/%.proto
	protoc -I $(SOURCE)/src --cpp_out=. $<
%.pb.cc: %.pb.h ;
