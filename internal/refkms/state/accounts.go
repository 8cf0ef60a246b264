package state

// AccountStatus says whether the service works for an account.
type AccountStatus uint8

// The states of an account. One without a record is enabled.
const (
	AccountEnabled    AccountStatus = 1
	AccountNotEnabled AccountStatus = 2 // the service was never activated
	AccountInDebt     AccountStatus = 3
	AccountSuspended  AccountStatus = 4 // overdue
)

// An Account is what the service knows of an account besides its resources.
type Account struct {
	ID     string
	Status AccountStatus
}

// Accounts holds the accounts whose status is not the usual one, by account, in [Everywhere].
var Accounts = Table[Account]{id: tableAccounts}

// Everywhere is the scope of what belongs to the server as a whole.
const Everywhere Scope = ""
