package main

import (
	"context"
	"strconv"
)

// aliasList is a page of aliases as the service answers it.
type aliasList struct {
	Aliases struct {
		Alias []struct {
			AliasName string
			KeyID     string `json:"KeyId"`
		}
	}
	TotalCount int
}

// keyList is a page of keys as the service answers it.
type keyList struct {
	Keys struct {
		Key []struct {
			KeyID  string `json:"KeyId"`
			KeyArn string
		}
	}
	TotalCount int
}

// pageSize is the largest that the service takes.
const pageSize = 100

// pages calls page with the parameters of one page after the other, until one has fewer entries than it could have.
func (k *keys) pages(page func(params map[string]string) (int, error)) error {
	for number := 1; ; number++ {
		n, err := page(map[string]string{"PageSize": strconv.Itoa(pageSize), "PageNumber": strconv.Itoa(number)})
		if err != nil || n < pageSize {
			return err
		}
	}
}

// list prints all keys of the account in the region, a line each.
func (k *keys) list(ctx context.Context, _ []string) error {
	aliases := map[string][]string{}
	err := k.pages(func(params map[string]string) (int, error) {
		var l aliasList
		err := k.kms.do(ctx, "", "ListAliases", params, &l)
		for _, a := range l.Aliases.Alias {
			aliases[a.KeyID] = append(aliases[a.KeyID], a.AliasName)
		}
		return len(l.Aliases.Alias), err
	})
	if err != nil {
		return err
	}
	return k.pages(func(params map[string]string) (int, error) {
		var l keyList
		if err := k.kms.do(ctx, "", "ListKeys", params, &l); err != nil {
			return 0, err
		}
		for _, key := range l.Keys.Key {
			var m metadata
			if err := k.kms.do(ctx, key.KeyArn, "DescribeKey", nil, &m); err != nil {
				return 0, err
			}
			r := m.report()
			r.Aliases = aliases[r.KeyID]
			if k.t.json {
				if err := k.t.encode(k.t.out, r); err != nil {
					return 0, err
				}
				continue
			}
			line := r.ARN + " " + r.State
			for _, a := range r.Aliases {
				line += " " + show(a)
			}
			k.t.printf("%s", line)
		}
		return len(l.Keys.Key), nil
	})
}
