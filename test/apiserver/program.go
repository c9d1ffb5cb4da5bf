package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// How long a program may take to end by itself.
const stopTime = 20 * time.Second

// program is a child process that can be started again with the same arguments. Its output goes to NAME.log.
type program struct {
	name string
	dir  string
	args []string

	mutex   sync.Mutex
	command *exec.Cmd
	ended   chan struct{}
}

func newProgram(name, dir string, args []string) *program {
	return &program{name: name, dir: dir, args: args}
}

// start starts the program unless it runs.
func (p *program) start() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.command != nil {
		return nil
	}
	output, err := os.OpenFile(p.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer output.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := exec.Command(self, append([]string{p.name}, p.args...)...)
	command.Stdout, command.Stderr = output, output
	// It must not outlive us, and a terminal's signals are for us alone.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.command, p.ended = command, ended
	go func() {
		_ = command.Wait()
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.command = nil
		close(ended)
	}()
	return nil
}

// end sends the signal and waits until the program is gone; what does not end in time is killed.
func (p *program) end(sent syscall.Signal) {
	p.mutex.Lock()
	command, ended := p.command, p.ended
	p.mutex.Unlock()
	if command == nil {
		return
	}
	_ = command.Process.Signal(sent)
	select {
	case <-ended:
	case <-time.After(stopTime):
		_ = command.Process.Kill()
		<-ended
	}
}

func (p *program) stop() { p.end(syscall.SIGTERM) }

// failure says why the program is not running; nil while it runs.
func (p *program) failure() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.command != nil {
		return nil
	}
	text, _ := os.ReadFile(p.log())
	if len(text) > 2000 {
		text = text[len(text)-2000:]
	}
	return fmt.Errorf("%s ended: …%s", p.name, text)
}

func (p *program) log() string { return filepath.Join(p.dir, p.name+".log") }
