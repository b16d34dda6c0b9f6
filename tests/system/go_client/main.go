// A client in Go that knows Aether by its README alone: it calls actors on
// aether.ask.<namespace>.<type>.<key>.<command>.
//
//	client <url> <namespace>
//
// Each line of standard input is a call, each line of standard output what came
// of it, in the same order.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// call is a command or a query, addressed to an actor.
type call struct {
	Type    string            `json:"type"`
	Key     string            `json:"key"`
	Token   string            `json:"token"` // where it is given, instead of the key
	Command string            `json:"command"`
	Input   string            `json:"input"` // JSON text; empty for none
	Headers map[string]string `json:"headers"`
	Wait    int               `json:"wait"` // milliseconds; 10,000 where it is 0
}

// result is the reply as it came, or why there is none.
type result struct {
	Subject string          `json:"subject"`
	Error   string          `json:"error,omitempty"` // the header Aether-Error
	Body    json.RawMessage `json:"body,omitempty"`
	Failure string          `json:"failure,omitempty"` // what the NATS client says
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(url, namespace string) error {
	nc, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 8<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		if err := out.Encode(ask(nc, namespace, c)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func ask(nc *nats.Conn, namespace string, c call) result {
	if c.Token == "" {
		c.Token = token(c.Key)
	}
	subject := strings.Join([]string{"aether.ask", namespace, c.Type, c.Token, c.Command}, ".")
	wait := 10 * time.Second
	if c.Wait > 0 {
		wait = time.Duration(c.Wait) * time.Millisecond
	}
	msg := nats.NewMsg(subject)
	msg.Data = []byte(c.Input)
	for name, value := range c.Headers {
		msg.Header.Set(name, value)
	}
	reply, err := nc.RequestMsg(msg, wait)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return result{Subject: subject, Failure: "no responders"}
	case errors.Is(err, nats.ErrMaxPayload):
		return result{Subject: subject, Failure: "too large"}
	case errors.Is(err, nats.ErrTimeout):
		return result{Subject: subject, Failure: "timeout"}
	case err != nil:
		return result{Subject: subject, Failure: err.Error()}
	}
	return result{Subject: subject, Error: reply.Header.Get("Aether-Error"), Body: reply.Data}
}

// token writes a key as one token of a subject: letters, digits, "_" and "-"
// stay, every other byte of its UTF-8 is "=" and two upper-case hex digits.
func token(key string) string {
	var text strings.Builder
	for i := 0; i < len(key); i++ {
		b := key[i]
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '_', b == '-':
			text.WriteByte(b)
		default:
			fmt.Fprintf(&text, "=%02X", b)
		}
	}
	return text.String()
}
