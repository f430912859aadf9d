// client-go, as operators written in Go use it, for the suite of the API's protobuf bodies.
//
//	client-go samples COUNT             objects of every stable kind with random values in all fields: a line of JSON for each,
//	                                    {"kind", "protobuf": base64 of the body, "json": the same object as client-go's JSON}
//	client-go update URL CA TOKEN FILE  the objects in FILE (JSON list) are created, read, changed and updated in protobuf;
//	                                    a line {"kind", "error"} for each. What the update must keep is compared with what was read.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"regexp"
	"strconv"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/util/retry"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

func main() {
	must(apiextensions.AddToScheme(scheme.Scheme))
	must(apiregistration.AddToScheme(scheme.Scheme))
	switch arguments := os.Args[1:]; {
	case len(arguments) == 2 && arguments[0] == "samples":
		count, err := strconv.Atoi(arguments[1])
		must(err)
		printSamples(count)
	case len(arguments) == 5 && arguments[0] == "update":
		updateAll(arguments[1], arguments[2], arguments[3], arguments[4])
	default:
		must(fmt.Errorf("usage: client-go samples COUNT | update URL CA TOKEN FILE"))
	}
}

type sample struct {
	Kind     string          `json:"kind"`
	Protobuf []byte          `json:"protobuf"`
	JSON     json.RawMessage `json:"json"`
}

func printSamples(count int) {
	funcs := fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, rawValues)
	filler := fuzzer.FuzzerFor(funcs, rand.NewSource(1), serializerCodecs())
	filler.NilChance(0.2).NumElements(1, 3).MaxDepth(12)
	encoder := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	out := json.NewEncoder(os.Stdout)
	for gvk := range scheme.Scheme.AllKnownTypes() {
		if !stable.MatchString(gvk.Version) {
			continue
		}
		for range count {
			object, err := scheme.Scheme.New(gvk)
			must(err)
			if _, err := meta.Accessor(object); err != nil {
				break
			}
			filler.Fuzz(object)
			object.GetObjectKind().SetGroupVersionKind(gvk)
			var body bytes.Buffer
			must(encoder.Encode(object, &body))
			// Protobuf does not tell empty from absent: what comes back from it is what the JSON is to be.
			sent, _, err := encoder.Decode(body.Bytes(), nil, nil)
			must(err)
			sent.GetObjectKind().SetGroupVersionKind(gvk)
			text, err := json.Marshal(sent)
			must(err)
			must(out.Encode(sample{gvk.String(), body.Bytes(), text}))
		}
	}
}

var stable = regexp.MustCompile(`^v\d+$`)

type outcome struct {
	Kind  string `json:"kind"`
	Error string `json:"error,omitempty"`
}

func updateAll(url, caFile, token, file string) {
	config := &rest.Config{Host: url, BearerToken: token, QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAFile: caFile}}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	must(err)
	groups, err := restmapper.GetAPIGroupResources(client)
	must(err)
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	content, err := os.ReadFile(file)
	must(err)
	var objects []json.RawMessage
	must(json.Unmarshal(content, &objects))
	out := json.NewEncoder(os.Stdout)
	for _, raw := range objects {
		object, gvk, err := scheme.Codecs.UniversalDeserializer().Decode(raw, nil, nil)
		if err == nil {
			err = update(config, mapper, object, *gvk)
		}
		one := outcome{Kind: fmt.Sprint(gvk)}
		if err != nil {
			one.Error = err.Error()
		}
		must(out.Encode(one))
	}
}

// update creates an object, reads it, labels it and updates it, all as controller-runtime's client does: with protobuf bodies.
func update(config *rest.Config, mapper meta.RESTMapper, object runtime.Object, gvk schema.GroupVersionKind) error {
	mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return err
	}
	client, err := clientFor(config, gvk.GroupVersion())
	if err != nil {
		return err
	}
	ctx := context.Background()
	accessor, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	namespaced := mapping.Scope.Name() == meta.RESTScopeNameNamespace
	resource := mapping.Resource.Resource
	created, err := client.Post().NamespaceIfScoped(accessor.GetNamespace(), namespaced).Resource(resource).
		Body(object).Do(ctx).Get()
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	name := accessorOf(created).GetName()
	// A controller may write in between.
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		read, err := client.Get().NamespaceIfScoped(accessor.GetNamespace(), namespaced).Resource(resource).Name(name).Do(ctx).Get()
		if err != nil {
			return fmt.Errorf("get: %w", err)
		}
		if len(accessorOf(read).GetManagedFields()) == 0 {
			return fmt.Errorf("get: no managedFields, so that the update shows nothing")
		}
		changed := read.DeepCopyObject()
		labels := map[string]string{"changed": "by-protobuf"}
		maps.Copy(labels, accessorOf(changed).GetLabels())
		accessorOf(changed).SetLabels(labels)
		updated, err := client.Put().NamespaceIfScoped(accessor.GetNamespace(), namespaced).Resource(resource).Name(name).
			Body(changed).Do(ctx).Get()
		if err != nil {
			return fmt.Errorf("update: %w", err)
		}
		if before, after := content(changed), content(updated); !equality.Semantic.DeepEqual(before, after) {
			return fmt.Errorf("update changed more than the label:\n%s\n%s", asJSON(before), asJSON(after))
		}
		return nil
	})
}

func clientFor(config *rest.Config, version schema.GroupVersion) (rest.Interface, error) {
	own := rest.CopyConfig(config)
	own.APIPath = "/apis"
	if version.Group == "" {
		own.APIPath = "/api"
	}
	own.GroupVersion = &version
	own.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	own.ContentType = runtime.ContentTypeProtobuf
	return rest.RESTClientFor(own)
}

// content is an object without what every update changes.
func content(object runtime.Object) runtime.Object {
	copied := object.DeepCopyObject()
	accessor := accessorOf(copied)
	accessor.SetResourceVersion("")
	accessor.SetManagedFields(nil)
	accessor.SetGeneration(0)
	return copied
}

func accessorOf(object runtime.Object) metav1.Object {
	accessor, err := meta.Accessor(object)
	must(err)
	return accessor
}

func asJSON(object runtime.Object) string {
	text, err := json.Marshal(object)
	must(err)
	return string(text)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "client-go:", err)
		os.Exit(1)
	}
}
