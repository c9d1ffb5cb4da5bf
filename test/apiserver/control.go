package main

import (
	"encoding/json"
	"net"
	"net/http"
	"syscall"
)

// plane is everything that the commands act on.
type plane struct {
	server  string
	files   *credentials
	store   *etcd
	api     *program
	manager *program
}

// control answers the commands of the tests on loopback:
//
//	POST /compact          etcd forgets every old version: a watch that resumes from one gets 410
//	POST /load             lines of {"key", "value"} go into etcd, past the API server
//	POST /apiserver/kill   SIGKILL, as after a crash; answers when the process is gone
//	POST /apiserver/stop   SIGTERM; answers when the process is gone
//	POST /apiserver/start  answers when the API server is ready
type control struct {
	*http.Server
	url string
}

func serveControl(p *plane) (*control, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("POST /compact", func(w http.ResponseWriter, r *http.Request) {
		revision, err := p.store.compact(r.Context())
		answer(w, map[string]int64{"revision": revision}, err)
	})
	routes.HandleFunc("POST /load", func(w http.ResponseWriter, r *http.Request) {
		count, err := p.store.load(r.Context(), r.Body)
		answer(w, map[string]int{"count": count}, err)
	})
	routes.HandleFunc("POST /apiserver/kill", func(w http.ResponseWriter, _ *http.Request) {
		p.api.end(syscall.SIGKILL)
		answer(w, struct{}{}, nil)
	})
	routes.HandleFunc("POST /apiserver/stop", func(w http.ResponseWriter, _ *http.Request) {
		p.api.stop()
		answer(w, struct{}{}, nil)
	})
	routes.HandleFunc("POST /apiserver/start", func(w http.ResponseWriter, r *http.Request) {
		err := p.api.start()
		if err == nil {
			err = p.files.waitReady(r.Context(), p.server, p.api)
		}
		answer(w, struct{}{}, err)
	})
	server := &control{Server: &http.Server{Handler: routes}, url: "http://" + listener.Addr().String()}
	go func() { _ = server.Serve(listener) }()
	return server, nil
}

func answer(w http.ResponseWriter, body any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("content-type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}
