# Thin: every target runs one command of the package toolchain/. `make help` lists them.
PYTHON ?= python3
STACK ?= dev
SERVICE ?=
NAME ?=
BASE ?=
TO ?=
FROM ?=
REGISTRY ?=
TOOLCHAIN := $(PYTHON) -m toolchain

export YES PASSPHRASE_FILE

.DEFAULT_GOAL := help
.PHONY: help up preview publish report drift scan outputs down destroy logs ps seed backup restore \
  upgrades doctor check test bench lock

help: ## list the targets
	@echo 'Plinth: a backend platform as one Pulumi program.'
	@echo
	@echo '  make TARGET [STACK=dev]'
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name text; do printf '  %-10s%s\n' $$name "$$text"; done
	@echo
	@echo '  STACK=dev|ci|prod picks the environment: Pulumi.<stack>.yaml.'
	@echo '  For plain pulumi commands: eval "$$(python3 -m toolchain env)"'

up: ## prepare everything and bring the stack up
	@$(TOOLCHAIN) up --stack '$(STACK)'

preview: ## show what up would change
	@$(TOOLCHAIN) preview --stack '$(STACK)'

publish: ## push own images and lock their digests: REGISTRY=host/path
	@$(TOOLCHAIN) publish --stack '$(STACK)' --registry '$(REGISTRY)'

report: ## say what up would change, for a reviewer; BASE=revision
	@$(TOOLCHAIN) report --stack '$(STACK)' $(if $(BASE),--base '$(BASE)') || \
	  case $$? in 3|4) ;; *) exit 1 ;; esac

drift: ## say where what runs is not what was declared; FIX=1 puts it right
	@$(TOOLCHAIN) drift --stack '$(STACK)' $(if $(filter 1,$(FIX)),--fix) \
	  $(if $(filter 0,$(DATABASE)),--no-database)

outputs: ## print outputs; NAME=gateway_url for one, SHOW_SECRETS=1 for secrets
	@$(TOOLCHAIN) outputs --stack '$(STACK)' $(if $(NAME),--name '$(NAME)') \
	  $(if $(filter 1,$(SHOW_SECRETS)),--show-secrets)

scan: ## look for the stack's secrets where they must not stand in clear
	@$(TOOLCHAIN) scan --stack '$(STACK)'

down: ## stop the stack; its data is kept
	@$(TOOLCHAIN) down --stack '$(STACK)'

destroy: ## remove the stack and its data; asks first (YES=1 answers)
	@$(TOOLCHAIN) destroy --stack '$(STACK)'

logs: ## print a container's log: SERVICE=auth
	@$(TOOLCHAIN) logs --stack '$(STACK)' --service '$(SERVICE)'

ps: ## list the stack's containers
	@$(TOOLCHAIN) ps --stack '$(STACK)'

seed: ## apply the example data (a todos table with owner policies)
	@$(TOOLCHAIN) seed --stack '$(STACK)'

backup: ## write an encrypted bundle of data and secrets: TO=folder
	@$(TOOLCHAIN) backup --stack '$(STACK)' --to '$(TO)' $(if $(filter 1,$(PAUSE)),--pause)

restore: ## restore a bundle: FROM=file; its secrets alone: STATE=1
	@$(TOOLCHAIN) restore --stack '$(STACK)' --from '$(FROM)' $(if $(filter 1,$(FORCE)),--force) \
	  $(if $(filter 1,$(STATE)),--state)

upgrades: ## list newer versions of what is pinned, with their release notes
	@$(TOOLCHAIN) upgrades || case $$? in 3) ;; *) exit 1 ;; esac

doctor: ## say what this machine lacks, and how to mend it
	@$(TOOLCHAIN) doctor --stack '$(STACK)'

check: ## lint, types, unit and policy tests; needs no engine
	@$(TOOLCHAIN) check

test: ## every test, on a real stack (ci) too
	@$(TOOLCHAIN) test

bench: ## measure start, memory and the gateway
	@$(TOOLCHAIN) bench --stack '$(STACK)'

lock: ## compile the requirements files from their .in files
	@$(TOOLCHAIN) lock
