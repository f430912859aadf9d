package main

import (
	fuzz "github.com/google/gofuzz"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
)

func serializerCodecs() serializer.CodecFactory { return scheme.Codecs }

// rawValues fills the types whose random bytes would not be a value.
func rawValues(_ serializer.CodecFactory) []any {
	return []any{
		// JSON numbers of JavaScript hold 53 bits.
		func(integer *int64, c fuzz.Continue) { *integer = c.Int63n(1<<54) - 1<<53 + 1 },
		func(raw *runtime.RawExtension, c fuzz.Continue) { raw.Raw = []byte(`{"raw":` + number(c) + `}`) },
		func(fields *metav1.FieldsV1, c fuzz.Continue) {
			fields.Raw = []byte(`{"f:spec":{"f:x` + number(c) + `":{}}}`)
		},
		func(value *apiextensions.JSON, c fuzz.Continue) { value.Raw = []byte(number(c)) },
		func(value *intstr.IntOrString, c fuzz.Continue) {
			*value = intstr.FromInt32(c.Int31() - 1<<30)
			if c.RandBool() {
				*value = intstr.FromString("port-" + number(c))
			}
		},
		func(schema *apiextensions.JSONSchemaProps, c fuzz.Continue) {
			// One level is enough, and a schema has more fields with schemas in them than a depth limit can bound.
			*schema = apiextensions.JSONSchemaProps{Type: "object", Description: c.RandString()}
			maximum, length := c.NormFloat64(), c.Int63n(1<<50)-1<<49
			schema.Maximum, schema.MinLength = &maximum, &length
			leaf := apiextensions.JSONSchemaProps{Type: "string"}
			schema.Default = &apiextensions.JSON{Raw: []byte(number(c))}
			schema.Properties = map[string]apiextensions.JSONSchemaProps{"__proto__": leaf, "b": leaf}
			schema.Items = &apiextensions.JSONSchemaPropsOrArray{Schema: &leaf}
			schema.AdditionalProperties = &apiextensions.JSONSchemaPropsOrBool{Allows: true}
			schema.AdditionalItems = &apiextensions.JSONSchemaPropsOrBool{Schema: &leaf, Allows: true}
			schema.Dependencies = apiextensions.JSONSchemaDependencies{"a": {Property: []string{"b"}}, "c": {Schema: &leaf}}
			if c.RandBool() {
				schema.Items = &apiextensions.JSONSchemaPropsOrArray{JSONSchemas: []apiextensions.JSONSchemaProps{leaf}}
			}
		},
	}
}

func number(c fuzz.Continue) string {
	digits := "123456789"
	return string(digits[c.Intn(len(digits))])
}
