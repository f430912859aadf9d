// protobuf-messages prints what the embedded API needs to read Kubernetes' protobuf bodies: for every message that a client can
// send, the JSON name and type of each field by its number.
//
// Numbers and types come from the descriptors that Kubernetes publishes (the generated.proto of k8s.io/api, apimachinery,
// apiextensions-apiserver and kube-aggregator, as compiled into those Go modules); JSON names and what JSON leaves out come from
// the tags of the Go types. Where the two disagree, or a type has a JSON form that is not known here, nothing is printed.
//
// The output is an object with
//   - kinds: for "<apiVersion> <kind>" its message
//   - messages: for a message, by field number, [JSON name, type]. A type is string, bytes, int, bool, double, one of the
//     special forms below, or a message; "[]" before it is a list, "{}" a map from strings; "^" after it is inlined into its
//     parent, "?" is left out of JSON when it is the zero value.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/gogo/protobuf/proto"
	"github.com/gogo/protobuf/protoc-gen-gogo/descriptor"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// special has the messages whose JSON is not an object with a member for each field.
var special = map[string]string{
	"k8s.io.apimachinery.pkg.api.resource.Quantity":                                         "quantity",
	"k8s.io.apimachinery.pkg.apis.meta.v1.Time":                                             "time",
	"k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime":                                        "microtime",
	"k8s.io.apimachinery.pkg.util.intstr.IntOrString":                                       "intOrString",
	"k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1":                                         "json",
	"k8s.io.apimachinery.pkg.runtime.RawExtension":                                          "json",
	"k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSON":                         "json",
	"k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray":       "schemaOrArray",
	"k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool":        "schemaOrBool",
	"k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "schemaOrStrings",
}

type table struct {
	Kinds    map[string]string               `json:"kinds"`
	Messages map[string]map[string][2]string `json:"messages"`
}

func main() {
	must(apiextensions.AddToScheme(scheme.Scheme))
	must(apiregistration.AddToScheme(scheme.Scheme))
	out := table{Kinds: map[string]string{}, Messages: map[string]map[string][2]string{}}
	stable := regexp.MustCompile(`^v\d+$`)
	for gvk, goType := range scheme.Scheme.AllKnownTypes() {
		if !stable.MatchString(gvk.Version) || !sent(gvk.Kind, goType) {
			continue
		}
		apiVersion, kind := gvk.ToAPIVersionAndKind()
		out.Kinds[apiVersion+" "+kind] = out.add(goType)
	}
	encoder := json.NewEncoder(os.Stdout)
	must(encoder.Encode(out))
}

// sent tells what clients send as bodies: objects and DeleteOptions, no lists, events of watches or options in queries.
func sent(kind string, goType reflect.Type) bool {
	if _, isMessage := reflect.New(goType).Interface().(proto.Message); !isMessage {
		return false
	}
	if kind == "DeleteOptions" {
		return true
	}
	_, isList := goType.FieldByName("ListMeta")
	_, isObject := goType.FieldByName("ObjectMeta")
	return isObject && !isList && reflect.New(goType).Type().Implements(reflect.TypeFor[runtime.Object]())
}

// add puts a message and all it refers to into the table and returns its name.
func (t *table) add(goType reflect.Type) string {
	name := messageName(goType)
	if _, known := t.Messages[name]; known {
		return name
	}
	fields := map[string][2]string{}
	t.Messages[name] = fields
	described := map[int32]*descriptor.FieldDescriptorProto{}
	message := descriptorOf(goType)
	for _, field := range message.Field {
		described[field.GetNumber()] = field
	}
	for i := range goType.NumField() {
		field := goType.Field(i)
		number, ok := fieldNumber(field)
		if !ok {
			continue
		}
		descriptorField := described[number]
		if descriptorField == nil {
			fail("%s has a field %s that its descriptor has not", name, field.Name)
		}
		delete(described, number)
		jsonName, flag := jsonForm(field)
		fields[strconv.Itoa(int(number))] = [2]string{jsonName, t.fieldType(name, field, descriptorField) + flag}
	}
	for _, field := range described {
		fail("%s has no Go field for %s = %d", name, field.GetName(), field.GetNumber())
	}
	return name
}

// fieldType gives the type of a field, checked against the descriptor.
func (t *table) fieldType(message string, field reflect.StructField, described *descriptor.FieldDescriptorProto) string {
	goType := field.Type
	repeated := described.GetLabel() == descriptor.FieldDescriptorProto_LABEL_REPEATED
	prefix := ""
	if goType.Kind() == reflect.Map {
		prefix, goType = "{}", goType.Elem()
	} else if goType.Kind() == reflect.Slice && goType.Elem().Kind() != reflect.Uint8 && !isMessage(goType) {
		prefix, goType = "[]", goType.Elem()
	}
	if repeated != (prefix != "") {
		fail("%s.%s: a list or map on one side only", message, field.Name)
	}
	value := t.valueType(goType)
	if prefix != "{}" && !agrees(value, described) {
		fail("%s.%s: %s is %s in the descriptor", message, field.Name, value, described.GetType())
	}
	return prefix + value
}

func (t *table) valueType(goType reflect.Type) string {
	if goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	if isMessage(goType) {
		name := messageName(goType)
		if form, known := special[name]; known {
			if strings.HasPrefix(form, "schemaOr") {
				t.add(reflect.TypeFor[apiextensions.JSONSchemaProps]())
			}
			return form
		}
		if goType.Kind() == reflect.Slice {
			return "items"
		}
		// A type with a JSON form of its own would need a word in `special`.
		if goType.Implements(reflect.TypeFor[json.Marshaler]()) || reflect.PointerTo(goType).Implements(reflect.TypeFor[json.Marshaler]()) {
			fail("%s has a JSON form that is not known here", name)
		}
		return t.add(goType)
	}
	switch goType.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int32, reflect.Int64:
		return "int"
	case reflect.Float64:
		return "double"
	case reflect.Slice:
		return "bytes"
	}
	fail("no protobuf type for %s", goType)
	return ""
}

func agrees(value string, described *descriptor.FieldDescriptorProto) bool {
	switch described.GetType() {
	case descriptor.FieldDescriptorProto_TYPE_STRING:
		return value == "string"
	case descriptor.FieldDescriptorProto_TYPE_BOOL:
		return value == "bool"
	case descriptor.FieldDescriptorProto_TYPE_INT32, descriptor.FieldDescriptorProto_TYPE_INT64:
		return value == "int"
	case descriptor.FieldDescriptorProto_TYPE_DOUBLE:
		return value == "double"
	case descriptor.FieldDescriptorProto_TYPE_BYTES:
		return value == "bytes"
	case descriptor.FieldDescriptorProto_TYPE_MESSAGE:
		name := strings.TrimPrefix(described.GetTypeName(), ".")
		if form, known := special[name]; known {
			return value == form
		}
		return value == name || value == "items"
	}
	return false
}

// fieldNumber reads the number from a tag like `protobuf:"bytes,1,opt,name=spec"`.
func fieldNumber(field reflect.StructField) (int32, bool) {
	parts := strings.Split(field.Tag.Get("protobuf"), ",")
	if len(parts) < 2 {
		return 0, false
	}
	number, err := strconv.ParseInt(parts[1], 10, 32)
	must(err)
	return int32(number), true
}

// jsonForm gives the JSON name of a field and its flag. encoding/json leaves out what is empty and `omitempty`; a pointer is
// empty only when it is nil, and then the field is not on the wire at all.
func jsonForm(field reflect.StructField) (name, flag string) {
	name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
	if strings.Contains(options, "inline") {
		return "", "^"
	}
	if name == "" || name == "-" {
		fail("%s has no JSON name", field.Name)
	}
	if strings.Contains(options, "omitempty") && field.Type.Kind() != reflect.Pointer {
		return name, "?"
	}
	return name, ""
}

func isMessage(goType reflect.Type) bool {
	if goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	return reflect.PointerTo(goType).Implements(reflect.TypeFor[proto.Message]())
}

func messageName(goType reflect.Type) string {
	message, ok := reflect.New(goType).Interface().(proto.Message)
	if !ok {
		fail("%s is no protobuf message", goType)
	}
	name := proto.MessageName(message)
	if name == "" {
		fail("%s is not registered", goType)
	}
	return name
}

func descriptorOf(goType reflect.Type) *descriptor.DescriptorProto {
	message, ok := reflect.New(goType).Interface().(descriptor.Message)
	if !ok {
		fail("%s has no descriptor", goType)
	}
	compressed, path := message.Descriptor()
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	must(err)
	content, err := io.ReadAll(reader)
	must(err)
	file := &descriptor.FileDescriptorProto{}
	must(proto.Unmarshal(content, file))
	return file.MessageType[path[0]]
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "protobuf-messages: "+format+"\n", args...)
	os.Exit(1)
}
