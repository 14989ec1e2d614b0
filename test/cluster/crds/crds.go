// Package crds holds the Gateway API's resource definitions, of the standard channel.
package crds

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	typed "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/yaml"
)

//go:generate sh copy.sh

// files are those of the module sigs.k8s.io/gateway-api that this module requires. The rest of
// the standard channel (TCP, TLS and UDP routes, listener sets, backend TLS) costs time at each start.
//
//go:embed *.yaml
var files embed.FS

// Install creates the definitions and returns when the API server serves them all.
func Install(ctx context.Context, cfg *rest.Config) error {
	clients, err := clientset.NewForConfig(cfg)
	if err != nil {
		return err
	}
	client := clients.ApiextensionsV1()
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return err
	}
	results := make(chan error, len(names))
	for _, name := range names {
		go func() { results <- install(ctx, client, name) }()
	}
	for range names {
		err = errors.Join(err, <-results)
	}
	return err
}

func install(ctx context.Context, client typed.ApiextensionsV1Interface, file string) error {
	b, err := files.ReadFile(file)
	if err != nil {
		return err
	}
	var crd apiextensions.CustomResourceDefinition
	if err = yaml.UnmarshalStrict(b, &crd); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	if _, err = client.CustomResourceDefinitions().Create(ctx, &crd, metav1.CreateOptions{FieldManager: "cluster"}); err != nil {
		return fmt.Errorf("create %s: %w", crd.Name, err)
	}
	changes := cache.NewListWatchFromClient(client.RESTClient(), "customresourcedefinitions", "", fields.OneTermEqualSelector("metadata.name", crd.Name))
	if _, err = watchtools.UntilWithSync(ctx, changes, &apiextensions.CustomResourceDefinition{}, nil, established); err != nil {
		return fmt.Errorf("wait until %s is served: %w", crd.Name, err)
	}
	// The first request makes the API server fill its cache. A watch that comes before it has is told
	// to come again a second later.
	path := "/apis/" + crd.Spec.Group + "/" + crd.Spec.Versions[0].Name + "/" + crd.Spec.Names.Plural
	if err = client.RESTClient().Get().AbsPath(path).Do(ctx).Error(); err != nil {
		return fmt.Errorf("ask for %s: %w", crd.Spec.Names.Plural, err)
	}
	return nil
}

func established(e watch.Event) (bool, error) {
	crd, ok := e.Object.(*apiextensions.CustomResourceDefinition)
	if !ok {
		return false, nil
	}
	for _, c := range crd.Status.Conditions {
		if c.Type == apiextensions.Established && c.Status == apiextensions.ConditionTrue {
			return true, nil
		}
	}
	return false, nil
}
