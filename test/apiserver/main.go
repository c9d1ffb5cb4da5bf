// A Kubernetes control plane for tests: the real kube-apiserver and kube-controller-manager and the real kubectl in one
// program, with an etcd of their own.
//
//	waypost-apiserver run --dir DIR [--service-cidr PREFIXES] [--controllers]
//	waypost-apiserver kubectl ARGS…
//
// `run` starts itself again as `kube-apiserver` and `kube-controller-manager`, so that a test can kill either.
package main

import (
	"fmt"
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: waypost-apiserver run | kubectl | kube-apiserver | kube-controller-manager")
	}
	name := os.Args[1]
	// The programs read the command line themselves: each sees the one it knows.
	os.Args = append([]string{name}, os.Args[2:]...)
	switch name {
	case "run":
		if err := run(os.Args[1:]); err != nil {
			fail(err.Error())
		}
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllers.NewControllerManagerCommand()))
	case "kubectl":
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			util.CheckErr(err)
		}
	default:
		fail(fmt.Sprintf("unknown command %q", name))
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "waypost-apiserver: "+message)
	os.Exit(1)
}
