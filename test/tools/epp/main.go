// The endpoint picker of the Gateway API inference extension, built from its Go module: the peer that test/bench/picker.ts and
// test/bench/routing.ts measure ours beside.
package main

import (
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/gateway-api-inference-extension/cmd/epp/runner"
)

func main() {
	if err := runner.NewRunner().Run(ctrl.SetupSignalHandler()); err != nil {
		os.Exit(1)
	}
}
