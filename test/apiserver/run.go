package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// settings of one control plane.
type settings struct {
	dir          string
	serviceCIDRs string
	bind         string
	names        string
	controllers  bool
	fsync        bool
	verbosity    int
}

// ready is what `run` prints, one line of JSON, when the API server answers.
type ready struct {
	// Kubeconfig of an administrator.
	Kubeconfig string `json:"kubeconfig"`
	// Server is the URL in it.
	Server string `json:"server"`
	// CA is the file of the certificate authority's certificate.
	CA string `json:"ca"`
	// Control is the URL of the commands in control.go.
	Control string `json:"control"`
}

func run(args []string) error {
	set := settings{}
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.StringVar(&set.dir, "dir", "", "folder for everything: certificates, logs, etcd's data")
	flags.StringVar(&set.serviceCIDRs, "service-cidr", "fdaa:0:48c8:0:1::/112", "service CIDR, or two with a comma")
	flags.StringVar(&set.bind, "bind", "::1", "address that the API server listens on; also in its certificate")
	flags.StringVar(&set.names, "names", "", "more names and addresses for the certificate, with commas")
	flags.BoolVar(&set.controllers, "controllers", false, "run kube-controller-manager too")
	flags.BoolVar(&set.fsync, "fsync", false, "let etcd wait for the disk, as in production")
	flags.IntVar(&set.verbosity, "v", 0, "log level of the Kubernetes programs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if set.dir == "" {
		return errors.New("--dir is needed")
	}
	// A parent that dies closes our input, whatever became of its signals.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return serve(ctx, set)
}

func serve(ctx context.Context, set settings) error {
	if err := os.MkdirAll(set.dir, 0o700); err != nil {
		return err
	}
	store, err := startEtcd(filepath.Join(set.dir, "etcd"), set.fsync)
	if err != nil {
		return err
	}
	defer store.close()
	files, err := writeCredentials(set)
	if err != nil {
		return err
	}
	port, err := freePort(set.bind)
	if err != nil {
		return err
	}
	server := "https://" + net.JoinHostPort(reachable(set.bind), port)
	if err := files.writeKubeconfigs(server); err != nil {
		return err
	}
	api := newProgram("kube-apiserver", set.dir, apiServerFlags(set, files, store.endpoint, port))
	defer api.stop()
	if err := api.start(); err != nil {
		return err
	}
	if err := files.waitReady(ctx, server, api); err != nil {
		return err
	}
	manager := newProgram("kube-controller-manager", set.dir, controllerFlags(set, files))
	defer manager.stop()
	if set.controllers {
		if err := manager.start(); err != nil {
			return err
		}
	}
	control, err := serveControl(&plane{server: server, files: files, store: store, api: api, manager: manager})
	if err != nil {
		return err
	}
	defer control.Close()
	line, err := json.Marshal(ready{
		Kubeconfig: files.path("admin.kubeconfig"), Server: server, CA: files.path("ca.crt"), Control: control.url,
	})
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	<-ctx.Done()
	return nil
}

func apiServerFlags(set settings, files *credentials, etcd, port string) []string {
	// The address that `default/kubernetes` leads to must be of the first service CIDR's family and no loopback
	// address. Nothing in the tests connects to it.
	advertise := "fdaa:0:48c8:a7b::1"
	if first, err := netip.ParsePrefix(strings.Split(set.serviceCIDRs, ",")[0]); err == nil && first.Addr().Is4() {
		advertise = "192.0.2.1"
	}
	return []string{
		"--etcd-servers=" + etcd,
		"--bind-address=" + set.bind,
		"--secure-port=" + port,
		"--advertise-address=" + advertise,
		"--service-cluster-ip-range=" + set.serviceCIDRs,
		"--cert-dir=" + files.dir,
		"--tls-cert-file=" + files.path("server.crt"),
		"--tls-private-key-file=" + files.path("server.key"),
		"--client-ca-file=" + files.path("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + files.path("accounts.key"),
		"--service-account-signing-key-file=" + files.path("accounts.key"),
		"--authorization-mode=Node,RBAC",
		"--allow-privileged=true",
		"--profiling=false",
		fmt.Sprintf("--v=%d", set.verbosity),
	}
}

func controllerFlags(set settings, files *credentials) []string {
	return []string{
		"--kubeconfig=" + files.path("controllers.kubeconfig"),
		"--authentication-kubeconfig=" + files.path("controllers.kubeconfig"),
		"--authorization-kubeconfig=" + files.path("controllers.kubeconfig"),
		"--service-account-private-key-file=" + files.path("accounts.key"),
		"--root-ca-file=" + files.path("ca.crt"),
		"--use-service-account-credentials=true",
		// There is no kubelet: nodes of the tests would be taken for dead, and their Pods with them.
		"--controllers=*,-node-lifecycle-controller,-taint-eviction-controller",
		"--leader-elect=false",
		"--bind-address=::1",
		"--secure-port=0",
		"--profiling=false",
		fmt.Sprintf("--v=%d", set.verbosity),
	}
}

// reachable turns the address of every interface into loopback's.
func reachable(bind string) string {
	switch bind {
	case "::":
		return "::1"
	case "0.0.0.0":
		return "127.0.0.1"
	}
	return bind
}

// freePort finds a port for a program that cannot be told to take any and say which: it must keep it over a restart.
func freePort(address string) (string, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}
