package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// How long the API server may take to be ready.
const readyTime = 2 * time.Minute

// credentials are the files of one control plane: a certificate authority, and who was given what by it.
type credentials struct {
	dir   string
	ca    *x509.Certificate
	caKey crypto.Signer
}

func (c *credentials) path(name string) string { return filepath.Join(c.dir, name) }

// writeCredentials makes the authority, the server's certificate, the key of service accounts' tokens and two clients.
func writeCredentials(set settings) (*credentials, error) {
	c := &credentials{dir: filepath.Join(set.dir, "pki")}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, err
	}
	if err := c.writeAuthority(); err != nil {
		return nil, err
	}
	names := []string{
		"localhost", "127.0.0.1", "::1", set.bind,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}
	for _, text := range strings.Split(set.serviceCIDRs, ",") {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		names = append(names, prefix.Masked().Addr().Next().String())
	}
	if set.names != "" {
		names = append(names, strings.Split(set.names, ",")...)
	}
	server := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if address := net.ParseIP(name); address != nil {
			server.IPAddresses = append(server.IPAddresses, address)
		} else {
			server.DNSNames = append(server.DNSNames, name)
		}
	}
	if err := c.issue("server", server); err != nil {
		return nil, err
	}
	clients := map[string]pkix.Name{
		"admin":       {CommonName: "admin", Organization: []string{"system:masters"}},
		"controllers": {CommonName: "system:kube-controller-manager"},
	}
	for name, subject := range clients {
		usage := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		if err := c.issue(name, &x509.Certificate{Subject: subject, ExtKeyUsage: usage}); err != nil {
			return nil, err
		}
	}
	accounts, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return c, c.writeKey("accounts.key", accounts)
}

func (c *credentials) writeAuthority() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "kubernetes"},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	c.caKey = key
	c.ca = template
	der, err := c.sign(template, key.Public())
	if err != nil {
		return err
	}
	if c.ca, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	return c.writePEM("ca.crt", "CERTIFICATE", der)
}

// issue writes NAME.crt and NAME.key.
func (c *credentials) issue(name string, template *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := c.sign(template, key.Public())
	if err != nil {
		return err
	}
	if err := c.writePEM(name+".crt", "CERTIFICATE", der); err != nil {
		return err
	}
	return c.writeKey(name+".key", key)
}

func (c *credentials) sign(template *x509.Certificate, key crypto.PublicKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(48 * time.Hour)
	return x509.CreateCertificate(rand.Reader, template, c.ca, key, c.caKey)
}

func (c *credentials) writeKey(name string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return c.writePEM(name, "EC PRIVATE KEY", der)
}

func (c *credentials) writePEM(name, kind string, der []byte) error {
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return err
	}
	return os.WriteFile(c.path(name), text.Bytes(), 0o600)
}

// writeKubeconfigs writes NAME.kubeconfig for each client.
func (c *credentials) writeKubeconfigs(server string) error {
	for _, name := range []string{"admin", "controllers"} {
		config := api.NewConfig()
		config.Clusters["test"] = &api.Cluster{Server: server, CertificateAuthority: c.path("ca.crt")}
		config.AuthInfos[name] = &api.AuthInfo{
			ClientCertificate: c.path(name + ".crt"), ClientKey: c.path(name + ".key"),
		}
		config.Contexts["test"] = &api.Context{Cluster: "test", AuthInfo: name}
		config.CurrentContext = "test"
		if err := clientcmd.WriteToFile(*config, c.path(name+".kubeconfig")); err != nil {
			return err
		}
	}
	return nil
}

// waitReady waits until the API server says that it is ready. It fails when the program ends, or after readyTime.
func (c *credentials) waitReady(ctx context.Context, server string, api *program) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	certificate, err := tls.LoadX509KeyPair(c.path("admin.crt"), c.path("admin.key"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	for {
		response, err := client.Get(server + "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("readyz answers %s", response.Status)
		}
		if failure := api.failure(); failure != nil {
			return failure
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the API server is not ready: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
