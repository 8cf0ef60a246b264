package state

// The fields of each record, in the order in which they are encoded; see recordVersion.

func (*Index) code(*coder) {}

func (a *Account) code(c *coder) {
	c.text(&a.ID)
	number(c, &a.Status)
}

func (r *Region) code(c *coder) { c.text(&r.ID) }

func (k *Key) code(c *coder) {
	c.text(&k.ID)
	c.text(&k.Description)
	c.text(&k.Spec)
	c.text(&k.Usage)
	c.text(&k.Origin)
	c.text(&k.ProtectionLevel)
	number(c, &k.State)
	c.text(&k.Service)
	number(c, &k.Created)
	c.pairs(&k.Tags)
	number(c, &k.Versions)
	c.text(&k.Primary)
	number(c, &k.LastRotation)
	number(c, &k.RotationInterval)
	number(c, &k.RotationSince)
	number(c, &k.DeletionDate)
	c.material(&k.ImportSecret)
	c.bytes(&k.MaterialMark)
	number(c, &k.MaterialExpires)
	c.bool(&k.DeletionProtection)
	c.text(&k.DeletionProtectionDescription)
}

func (v *Version) code(c *coder) {
	c.text(&v.ID)
	c.text(&v.KeyID)
	number(c, &v.Number)
	number(c, &v.Created)
	c.material(&v.Material)
}

func (a *Alias) code(c *coder) {
	c.text(&a.Name)
	c.text(&a.KeyID)
}

func (d *Due) code(c *coder) {
	number(c, &d.At)
	number(c, &d.Kind)
	c.text((*string)(&d.Scope))
	c.text(&d.ID)
}

func (k *ServerKey) code(c *coder) {
	c.text(&k.Name)
	c.material(&k.Key)
}

func (u *User) code(c *coder) {
	c.text(&u.Name)
	c.text(&u.ID)
	number(c, &u.Created)
	c.texts(&u.Groups)
	c.texts(&u.Policies)
}

func (g *Group) code(c *coder) {
	c.text(&g.Name)
	number(c, &g.Created)
	c.texts(&g.Policies)
}

func (r *Role) code(c *coder) {
	c.text(&r.Name)
	c.text(&r.ID)
	c.text(&r.Description)
	number(c, &r.Created)
	c.text(&r.Trust)
	number(c, &r.MaxSession)
	c.texts(&r.Policies)
}

func (p *Policy) code(c *coder) {
	c.text(&p.Name)
	c.text(&p.Document)
	number(c, &p.Created)
}

func (r *Rights) code(c *coder) { c.text(&r.Revision) }

func (k *AccessKey) code(c *coder) {
	c.text(&k.ID)
	c.material(&k.Secret)
	c.text(&k.Account)
	c.text(&k.User)
	c.bool(&k.Disabled)
	number(c, &k.Created)
}

func (s *Secret) code(c *coder) {
	c.text(&s.Name)
	c.text(&s.Type)
	c.text(&s.Description)
	c.text(&s.KeyID)
	number(c, &s.Created)
	number(c, &s.Updated)
	number(c, &s.Deletion)
	c.pairs(&s.Tags)
	list(c, &s.Versions, func(v *SecretVersion) { c.text(&v.ID); number(c, &v.Created); c.text(&v.DataType) })
	list(c, &s.Labels, func(l *SecretLabel) { c.text(&l.Name); c.text(&l.Version) })
	c.text(&s.Config)
	c.texts(&s.Accounts)
	number(c, &s.Turn)
	number(c, &s.RotationInterval)
	number(c, &s.RotationSince)
	number(c, &s.LastRotation)
	c.bool(&s.RotationFailed)
}

func (v *SecretValue) code(c *coder) {
	c.text(&v.WrappedKey)
	c.bytes(&v.Sealed)
}

func (k *DefaultKey) code(c *coder) {
	c.text(&k.ID)
	number(c, &k.Created)
	c.material(&k.Material)
}
