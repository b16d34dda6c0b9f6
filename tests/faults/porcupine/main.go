// Checks a history of actors for linearizability, by search: a second opinion on
// what tests/faults/checker decides by the order of the log.
//
// Each line of standard input is one operation, as JSON. An actor is an append
// register: what it holds in the end is the "log" operation's list of ids, and an
// append puts its ids behind those that are there. As nothing is ever taken out,
// an append happened at the only place where that list has its ids, or, if the
// list has none of them, behind the moment at which it was read, or never.
//
// The last line of standard output is the verdict.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

// limit is how long the whole search may take.
const limit = 60 * time.Second

// operation is a line of the history. Times are places in the caller's journal.
type operation struct {
	Actor string `json:"actor"`
	// Kind is "append", "read" (of a version) or "log" (of everything).
	Kind string   `json:"kind"`
	Ids  []string `json:"ids"`
	// Version is what the caller was told; -1 if nothing.
	Version int   `json:"version"`
	Call    int64 `json:"call"`
	Return  int64 `json:"return"`
}

// state is what an actor holds: the first events of its log, and whether that has
// been read to its end.
type state struct {
	version int
	isRead  bool
}

// verdict is what is printed.
type verdict struct {
	Result     porcupine.CheckResult `json:"result"`
	Operations int                   `json:"operations"`
	Actors     int                   `json:"actors"`
	// Illegal names the actors that are not linearizable, Unknown those for which
	// there was no time.
	Illegal []string `json:"illegal"`
	Unknown []string `json:"unknown"`
}

func main() {
	histories, count, err := read()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	told := verdict{
		Result:     porcupine.Ok,
		Operations: count,
		Actors:     len(histories),
		Illegal:    []string{},
		Unknown:    []string{},
	}
	deadline := time.Now().Add(limit)
	for _, actor := range sorted(histories) {
		// A timeout of 0 would be none at all.
		left := max(time.Until(deadline), time.Millisecond)
		switch check(histories[actor], left) {
		case porcupine.Illegal:
			told.Illegal = append(told.Illegal, actor)
		case porcupine.Unknown:
			told.Unknown = append(told.Unknown, actor)
		}
	}
	if len(told.Illegal) > 0 {
		told.Result = porcupine.Illegal
	} else if len(told.Unknown) > 0 {
		told.Result = porcupine.Unknown
	}
	line, err := json.Marshal(told)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// read takes the history apart by actor.
func read() (map[string][]operation, int, error) {
	histories := map[string][]operation{}
	count := 0
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<30)
	for lines.Scan() {
		var op operation
		if err := json.Unmarshal(lines.Bytes(), &op); err != nil {
			return nil, 0, fmt.Errorf("line %d: %w", count+1, err)
		}
		histories[op.Actor] = append(histories[op.Actor], op)
		count++
	}
	return histories, count, lines.Err()
}

func sorted(histories map[string][]operation) []string {
	actors := make([]string, 0, len(histories))
	for actor := range histories {
		actors = append(actors, actor)
	}
	sort.Strings(actors)
	return actors
}

// check searches for an order of one actor's operations.
func check(history []operation, timeout time.Duration) porcupine.CheckResult {
	var log []string
	for _, op := range history {
		if op.Kind == "log" {
			log = op.Ids
		}
	}
	stored := map[string]bool{}
	for _, id := range log {
		stored[id] = true
	}
	operations := make([]porcupine.Operation, len(history))
	for i, op := range history {
		operations[i] = porcupine.Operation{
			Input: op, Call: op.Call, Return: op.Return,
		}
	}
	model := porcupine.Model{
		Init: func() interface{} { return state{} },
		Step: func(s, input, _ interface{}) (bool, interface{}) {
			return step(s.(state), input.(operation), log, stored)
		},
	}
	return porcupine.CheckOperationsTimeout(model, operations, timeout)
}

// step says whether an operation may happen in a state, and what it makes of it.
func step(
	s state, op operation, log []string, stored map[string]bool,
) (bool, interface{}) {
	switch op.Kind {
	case "read":
		return s.version == op.Version, s
	case "log":
		return s.version == len(log), state{s.version, true}
	case "append":
		next := state{s.version + len(op.Ids), s.isRead}
		if op.Version >= 0 && op.Version != next.version {
			return false, s
		}
		if s.isRead {
			return !has(stored, op.Ids), next
		}
		return isAt(log, s.version, op.Ids), next
	}
	panic("no such kind of operation: " + op.Kind)
}

// isAt says whether the log has these ids at a version.
func isAt(log []string, version int, ids []string) bool {
	if version+len(ids) > len(log) {
		return false
	}
	for i, id := range ids {
		if log[version+i] != id {
			return false
		}
	}
	return true
}

// has says whether any of these ids is stored.
func has(stored map[string]bool, ids []string) bool {
	for _, id := range ids {
		if stored[id] {
			return true
		}
	}
	return false
}
